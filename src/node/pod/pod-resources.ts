import type { Container, Pod } from '../../api/generated/types.ts';
import type { ContainerConfig, PodConfig, PodStatus as RuntimePod } from '../runtimes/runtime.ts';

/** Something a pod refers to is not there yet. `reason` is the event's, the message the user's. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

/** Turns what a pod refers to into plain values, files and directories. */
export interface PodResources {
  /** Makes the pod's volumes and says what its sandbox is. Idempotent. Throws {@link NotReadyError}. */
  prepare(pod: Pod): Promise<PodConfig>;
  /** Throws {@link NotReadyError} when something the container refers to is missing. */
  container(pod: Pod, container: Container, attempt: number, runtime: RuntimePod): Promise<ContainerConfig>;
  /** Writes the volumes that the API's objects fill as those are now, of a pod that runs. */
  refresh(pod: Pod, ips: readonly string[]): Promise<void>;
  /** Removes what `prepare` made, of a pod of which nothing runs. */
  release(podUid: string): Promise<void>;
}
