import fs from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { HistoryLimits } from './history.ts';
import { LmdbLog } from './lmdb-log.ts';
import { InconsistentLogError } from './log.ts';
import type { Store } from './store.ts';
import { StoreFileError } from './store-file-error.ts';
import { VersionedStore } from './versioned-store.ts';

export interface LmdbStoreOptions {
  /** Made when it does not exist. Nobody else may have it open. */
  readonly directory: string;
  readonly logger: Logger;
  /** How much of the past is kept. */
  readonly history?: HistoryLimits;
  /** For the age of the history; the machine's by default. */
  readonly clock?: Clock;
}

/** The one file of data; LMDB keeps another for its locks beside it. */
export const STORE_FILE = 'data.mdb';

/**
 * Opens the store in a directory, or makes an empty one.
 *
 * Throws {@link StoreFileError} when what is there is damaged or was written by a newer version.
 */
export async function openLmdbStore({
  directory,
  logger,
  history = {},
  clock = systemClock,
}: LmdbStoreOptions): Promise<Store> {
  await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, STORE_FILE);
  const log = new LmdbLog(file);
  try {
    return new VersionedStore({ log, history, clock, logger });
  } catch (error) {
    await log.close();
    throw error instanceof InconsistentLogError ? StoreFileError.damaged(file, error.message) : error;
  }
}
