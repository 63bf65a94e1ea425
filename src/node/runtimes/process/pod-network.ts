/** How the pods of a node are reached. */
export interface PodNetwork {
  /** The network their addresses are of. */
  readonly cidr: string;
  /** The machine's address, as the pods see it. */
  readonly gateway: string;
  /** What the sandbox connects a pod with: the names and texts of files. */
  linkFiles(podUid: string, address: string): Readonly<Record<string, string>>;
  /** Resolves when nothing of the pod is left on the machine's network. */
  disconnect(podUid: string): Promise<void>;
  /** Takes the network itself away: no pod uses it any more. */
  remove(): Promise<void>;
}
