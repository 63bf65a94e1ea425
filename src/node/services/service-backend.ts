import type { ReachablePort } from './service-ports.ts';
import type { Unreachable } from './unreachable.ts';

/** What makes services reachable on this machine. */
export interface ServiceBackend {
  /** From now on these ports, and no others, lead to their targets. Resolves with those that could not be had. */
  apply(ports: readonly ReachablePort[]): Promise<readonly Unreachable[]>;
  /** Whether what was made last is still there: others may have taken it away. */
  isIntact(): Promise<boolean>;
  /** Nothing leads anywhere any more. */
  close(): Promise<void>;
}
