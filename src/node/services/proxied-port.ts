import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { TargetChoice } from './target-choice.ts';

/** A place of this machine that leads to pods. */
export interface ProxiedPort {
  /** The targets have changed. */
  update(): void;
  /** Listens no longer. */
  close(): void;
}

export interface ProxiedPortOptions {
  /** An address of this machine. */
  readonly address: string;
  readonly port: number;
  readonly choice: TargetChoice;
  readonly clock: Clock;
  readonly logger: Logger;
}
