import { createReadStream } from 'node:fs';
import fs from 'node:fs/promises';
import path from 'node:path';
import { silentLogger } from '../platform/logger.ts';
import { BackupError, type BackupSummary, backupChunks, type OnProgress, readBackup } from './backup-format.ts';
import { findDamage } from './lmdb-file-reader.ts';
import { LmdbLog } from './lmdb-log.ts';
import { LmdbSnapshot } from './lmdb-snapshot.ts';
import { openLmdbStore, STORE_FILE, syncDirectory } from './lmdb-store.ts';
import type { LogRecord } from './log.ts';
import { StoreFileError } from './store-file-error.ts';

export { BackupError, type BackupSummary } from './backup-format.ts';

const RECORDS_PER_WRITE = 2000;
const READ_BYTES = 256 * 1024;
/**
 * A store that was restored goes on from a revision nobody has seen: a client that knows later ones than the backup is
 * told that its are gone and lists again, instead of taking new events for old. It follows from the time, so that it
 * is above those of an earlier restore too, unless there were this many writes a millisecond all the time.
 */
const REVISIONS_A_MILLISECOND = 100;
/** At least so many revisions are left out, should the clock be wrong. */
const REVISIONS_SKIPPED = 1_000_000_000;

export interface BackupSource {
  /** Directory of the store. */
  readonly directory: string;
  /** Whether another process has it open. */
  readonly isInUse: boolean;
}

export interface BackupOptions {
  readonly createdAt: Date;
  readonly onProgress?: OnProgress;
}

/**
 * Writes a backup of a store, also while another process writes to it. The file has mode 0600, is read back and
 * checked, and gets its name, or takes the place of one that has it, only when it is complete. Throws {@link BackupError}, and {@link StoreFileError} when the
 * store is damaged.
 */
export async function writeBackup(source: BackupSource, file: string, options: BackupOptions): Promise<BackupSummary> {
  // A device or a link is not to be replaced by a file, whoever asks.
  const there = await fs.lstat(file).catch(() => undefined); // what cannot be looked at cannot be written to
  if (there !== undefined && !there.isFile()) throw new BackupError(`${file} is there, and is no ordinary file`);
  const partial = `${file}.${process.pid}.partial`;
  try {
    const handle = await fs.open(partial, 'w', 0o600);
    let written: BackupSummary;
    try {
      written = await streamBackup(source, (chunk) => handle.writeFile(chunk), options);
      await handle.sync();
    } finally {
      await handle.close();
    }
    const summary = await verifyBackup(partial);
    if (summary.sha256 !== written.sha256) throw new BackupError(`${file} is not what was written`);
    await fs.rename(partial, file);
    return summary;
  } catch (error) {
    await fs.rm(partial, { force: true });
    if (error instanceof BackupError || error instanceof StoreFileError) throw error;
    throw new BackupError(`${file} cannot be written: ${messageOf(error)}`);
  }
}

/** The same for whatever takes the bytes; `write` is called with one chunk after the other. */
export async function streamBackup(
  { directory, isInUse }: BackupSource,
  write: (chunk: Buffer) => Promise<void>,
  { createdAt, onProgress = () => {} }: BackupOptions,
): Promise<BackupSummary> {
  const snapshot = openSnapshot(path.join(directory, STORE_FILE), isInUse);
  try {
    const chunks = backupChunks(snapshot, createdAt, onProgress);
    for (;;) {
      const { done, value } = chunks.next();
      if (done) return value;
      await write(value);
    }
  } finally {
    await snapshot.close();
  }
}

function openSnapshot(storeFile: string, isInUse: boolean): LmdbSnapshot {
  try {
    // One that is in use was checked when it was opened, and changes under the eyes of a second check.
    const damage = isInUse ? undefined : findDamage(storeFile);
    if (damage !== undefined) throw StoreFileError.damaged(storeFile, damage);
    return new LmdbSnapshot(storeFile);
  } catch (error) {
    throw error instanceof StoreFileError ? error : new BackupError(`${storeFile} cannot be read: ${messageOf(error)}`);
  }
}

/** Reads a whole backup and throws {@link BackupError} when anything of it is not as it was written. */
export async function verifyBackup(file: string): Promise<BackupSummary> {
  try {
    return await readBackup(openFile(file), file, () => {});
  } catch (error) {
    throw error instanceof BackupError ? error : new BackupError(`${file} cannot be read: ${messageOf(error)}`);
  }
}

export interface RestoreOptions {
  readonly now: Date;
  /** Where the backup comes from instead of the file, of which only the name is used then. */
  readonly input?: AsyncIterable<Buffer>;
}

/**
 * Makes the store in `directory` what the backup has. Nobody may have it open. What was there is kept beside it, in the
 * file that is returned. Nothing is changed before all of the backup has been read and is right.
 */
export async function restoreBackup(
  backup: string,
  directory: string,
  { now, input = openFile(backup) }: RestoreOptions,
): Promise<BackupSummary & { readonly replaced?: string }> {
  const restoring = path.join(directory, 'restoring');
  await fs.rm(restoring, { recursive: true, force: true });
  await fs.mkdir(restoring, { recursive: true, mode: 0o700 });
  try {
    const summary = await fillStore(input, backup, path.join(restoring, STORE_FILE), now);
    const store = await openLmdbStore({ directory: restoring, logger: silentLogger });
    const { entries } = await store.list('');
    await store.close();
    if (entries.length !== summary.objects) throw new BackupError(`${backup} names an object twice`);
    const file = path.join(directory, STORE_FILE);
    const replaced = `${file}.replaced-${now.toISOString().replaceAll(':', '')}`;
    const hasReplaced = await keep(file, replaced);
    // In one step: whatever happens, the old store is there or the new one.
    await fs.rename(path.join(restoring, STORE_FILE), file);
    await syncDirectory(directory);
    return hasReplaced ? { ...summary, replaced } : summary;
  } catch (error) {
    if (error instanceof BackupError) throw error;
    throw new BackupError(`${backup} cannot be restored into ${directory}: ${messageOf(error)}`);
  } finally {
    await fs.rm(restoring, { recursive: true, force: true });
  }
}

/** Gives a file a second name; false when there is none. */
async function keep(file: string, as: string): Promise<boolean> {
  try {
    await fs.link(file, as);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    await fs.copyFile(file, as, fs.constants.COPYFILE_EXCL); // a file system without links
  }
  return true;
}

async function fillStore(
  input: AsyncIterable<Buffer>,
  name: string,
  storeFile: string,
  now: Date,
): Promise<BackupSummary> {
  const log = new LmdbLog(storeFile);
  const beginning = (revision: number): number =>
    Math.max(revision + REVISIONS_SKIPPED, now.getTime() * REVISIONS_A_MILLISECOND);
  try {
    let records: LogRecord[] = [];
    const write = async (revision: number): Promise<void> => {
      await log.write({ append: records, drop: [], compactedRevision: beginning(revision) });
      records = [];
    };
    const summary = await readBackup(input, name, async (record, { revision }) => {
      records.push(record);
      if (records.length >= RECORDS_PER_WRITE) await write(revision);
    });
    await write(summary.revision);
    return summary;
  } finally {
    await log.close();
  }
}

/** Opened when it is read: a stream that fails before would end the process. */
async function* openFile(file: string): AsyncGenerator<Buffer, void, undefined> {
  yield* createReadStream(file, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
