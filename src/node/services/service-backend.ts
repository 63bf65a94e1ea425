import type { ReachablePort } from './service-ports.ts';

/** A port that cannot be reached, and why. */
export interface Unreachable {
  readonly name: string;
  readonly message: string;
  /** It may be had soon, and nobody need be told yet. */
  readonly isNotYet?: boolean;
}

/** What makes services reachable on this machine. */
export interface ServiceBackend {
  /** From now on these ports, and no others, lead to their targets. Resolves with those that could not be had. */
  apply(ports: readonly ReachablePort[]): Promise<readonly Unreachable[]>;
  /** Nothing leads anywhere any more. */
  close(): Promise<void>;
}
