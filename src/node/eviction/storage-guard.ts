import type { Pod } from '../../api/generated/types.ts';
import type { Clock, Timer } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Explanation } from '../pod/observed.ts';
import { hasStorageLimit, overLimit, type StorageUse } from './storage-limits.ts';

/** As often as the kubelet looks. */
const PERIOD_MS = 10_000;

export interface StorageGuardOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly pods: () => readonly Pod[];
  readonly useOf: (pod: Pod) => Promise<StorageUse>;
  readonly evict: (pod: Pod, why: Explanation) => void;
}

/** P8: evicts pods that write more to the node's disk than they may. Pods without such a limit cost nothing. */
export class StorageGuard {
  readonly #options: StorageGuardOptions;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: StorageGuardOptions) {
    this.#options = options;
    this.#schedule();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#closed) return;
    this.#timer = this.#options.clock.after(PERIOD_MS, () => void this.#look().then(() => this.#schedule()));
  }

  async #look(): Promise<void> {
    const { pods, useOf, evict, logger } = this.#options;
    for (const pod of pods()) {
      if (!hasStorageLimit(pod) || pod.metadata.deletionTimestamp !== undefined || this.#closed) continue;
      try {
        const why = overLimit(pod, await useOf(pod));
        if (why !== undefined) evict(pod, why);
      } catch (error) {
        logger.warn('what a pod has written cannot be measured', { pod: pod.metadata.name, error: String(error) });
      }
    }
  }
}
