import fs from 'node:fs/promises';
import path from 'node:path';
import { type Clock, systemClock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { HistoryLimits } from './history.ts';
import { LmdbLog } from './lmdb-log.ts';
import { type LoadedLog, loadLog } from './load-log.ts';
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
  const made = await fs.mkdir(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, STORE_FILE);
  const log = new LmdbLog(file);
  let loaded: LoadedLog;
  try {
    loaded = await loadLog(log);
  } catch (error) {
    await log.close();
    throw error instanceof InconsistentLogError ? StoreFileError.damaged(file, error.message) : error;
  }
  // A file is only as durable as the entry of its directory that names it.
  for (const parent of made === undefined
    ? [directory]
    : directoriesDownTo(path.resolve(directory), path.dirname(path.resolve(made)))) {
    await syncDirectory(parent);
  }
  return new VersionedStore({ log, loaded, history, clock, logger });
}

/** A directory and those above it, up to `top`. */
function directoriesDownTo(directory: string, top: string): readonly string[] {
  const above = path.dirname(directory);
  return directory === top || above === directory ? [directory] : [...directoriesDownTo(above, top), directory];
}

/** Makes the names in a directory as durable as what they name. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
