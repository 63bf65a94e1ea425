import type { PortNumbers } from '../../../api/pod-ports.ts';

/** Where a pod is reached. */
export interface PodPlace {
  readonly address: string;
  /** When others have the same address: which port each that the pod declares is there. */
  readonly ports?: PortNumbers;
}

/** The places of a network, each of them one pod's. */
export interface PodPlaces {
  /** A place for a pod that declares these ports. Throws StartError when none is left. */
  allocate(ports: readonly number[]): Promise<PodPlace>;
  /** Takes the place that a pod has already; false when it is another's, or of another network. */
  claim(place: PodPlace): boolean;
  release(place: PodPlace): void;
}

/** How the pods of a node are reached. */
export interface PodNetwork {
  /** The network their addresses are of. */
  readonly cidr: string;
  /** The machine's address, as the pods see it. */
  readonly gateway: string;
  readonly places: PodPlaces;
  /**
   * Does what the machine has to do before the pod starts. Returns what the sandbox connects the pod with: the names and
   * texts of files.
   */
  connect(podUid: string, address: string): Promise<Readonly<Record<string, string>>>;
  /** Resolves when nothing of the pod is left on the machine's network. */
  disconnect(podUid: string, address: string): Promise<void>;
  /** Takes the network itself away: no pod uses it any more. */
  remove(): Promise<void>;
}
