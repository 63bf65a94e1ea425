import type { ContainerView } from '../pod/container-view.ts';
import type { PodRecord } from '../pod/pod-record.ts';

/** Probes the containers of the node's pods. */
export interface PodProber {
  /** Probes exactly the containers that run, from now on. */
  follow(record: PodRecord, views: readonly ContainerView[]): void;
  forget(podUid: string): void;
  close(): void;
}
