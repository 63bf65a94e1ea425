import fs from 'node:fs';
import path from 'node:path';
import { BackupError, type BackupSummary, restoreBackup, streamBackup, writeBackup } from '../store/backup.ts';
import { STORE_FILE } from '../store/lmdb-store.ts';
import { StoreFileError } from '../store/store-file-error.ts';
import { ClusterError } from './cluster-error.ts';
import { DataDirectoryError, dataPaths, openDataDirectory, readServerStatus } from './data-directory.ts';

export type { BackupSummary } from '../store/backup.ts';

export interface BackupRequest {
  /** The data directory of a cluster, running or not. */
  readonly directory: string;
  /** A file, or whatever takes the bytes one after the other. */
  readonly target: string | ((chunk: Buffer) => Promise<void>);
  /** Whether a file that is there is replaced. */
  readonly force: boolean;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Writes all objects of a cluster, as they are at one moment, to a file. A server may be running: its store is read
 * beside it, which holds nobody up. Throws {@link ClusterError}.
 */
export async function backUpCluster({ directory, target, force, onProgress }: BackupRequest): Promise<BackupSummary> {
  const storeDirectory = dataPaths(directory).store;
  if (!fs.existsSync(path.join(storeDirectory, STORE_FILE))) {
    throw new ClusterError(`${directory} has nothing to back up`, 'name the directory of the cluster with --data-dir');
  }
  if (!force && typeof target === 'string' && fs.existsSync(target)) {
    throw new ClusterError(`${target} is there already`, 'replace it with --force');
  }
  const options = { createdAt: new Date(), onProgress };
  const backUp = (isInUse: boolean): Promise<BackupSummary> => {
    const source = { directory: storeDirectory, isInUse };
    return typeof target === 'string' ? writeBackup(source, target, options) : streamBackup(source, target, options);
  };
  return explained(async () => {
    if (readServerStatus(directory) !== undefined) return backUp(true);
    const held = await openDataDirectory(directory);
    try {
      return await backUp(false);
    } finally {
      held.release();
    }
  });
}

export interface RestoreRequest {
  readonly directory: string;
  /** A file, or the bytes of one. */
  readonly source: string | AsyncIterable<Buffer>;
  /** Whether what is stored there already may be replaced; it is kept beside. */
  readonly force: boolean;
}

/** Makes what a cluster that does not run has stored what a backup says. Throws {@link ClusterError}. */
export async function restoreCluster({
  directory,
  source,
  force,
}: RestoreRequest): Promise<BackupSummary & { readonly replaced?: string }> {
  const storeDirectory = dataPaths(directory).store;
  const now = new Date();
  return explained(async () => {
    const held = await openDataDirectory(directory);
    try {
      if (!force && fs.existsSync(path.join(storeDirectory, STORE_FILE))) {
        throw new ClusterError(
          `${directory} has a store already`,
          'restore into another --data-dir, or put the backup in its place with --force (what is there is kept)',
        );
      }
      return typeof source === 'string'
        ? await restoreBackup(source, storeDirectory, { now })
        : await restoreBackup('standard input', storeDirectory, { now, input: source });
    } finally {
      held.release();
    }
  });
}

async function explained<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DataDirectoryError) throw new ClusterError(error.message, error.hint, { cause: error });
    if (error instanceof BackupError || error instanceof StoreFileError) {
      throw new ClusterError(error.message, undefined, { cause: error });
    }
    throw error;
  }
}
