import fs from 'node:fs';
import { type Database, encodeMeta, type Meta } from './lmdb-file.ts';
import { META_REVISION } from './record.ts';
import { StoreFileError } from './store-file-error.ts';

/** Makes a record (see `record.ts`) of one format one of the next. */
type Migration = (bytes: Buffer, revision: number) => Buffer;

/**
 * What has changed with each format since the first: the first of them takes a record of format 1 to format 2, and so
 * on. None is ever removed. Whatever changes, record 0 stays what it is: it tells the format.
 */
export type Migrations = readonly Migration[];

export const MIGRATIONS: Migrations = [];

/** The format that a version of Berth with these migrations writes. */
export function newestFormat(migrations: Migrations): number {
  return 1 + migrations.length;
}

/** A record of an older format as the newest one has it. */
export function upgraded(bytes: Buffer, revision: number, format: number, migrations: Migrations): Buffer {
  return migrations.slice(format - 1).reduce((record, migrate) => migrate(record, revision), bytes);
}

/**
 * Brings a file that nobody else has open to the newest format, in one transaction: it is of the one or of the other
 * whatever happens. The old file is kept beside it, for who wants to go back. Returns what the file says of itself then.
 */
export function migrate(file: string, database: Database, meta: Meta, migrations: Migrations): Meta {
  const migrated = { ...meta, format: newestFormat(migrations) };
  if (meta.format === migrated.format) return meta;
  try {
    fs.copyFileSync(file, `${file}.format-${meta.format}`, fs.constants.COPYFILE_FICLONE);
    database.transactionSync(() => {
      for (const revision of [...database.getKeys({ start: META_REVISION + 1 })]) {
        const bytes = database.getBinary(revision);
        if (bytes !== undefined) database.putSync(revision, upgraded(bytes, revision, meta.format, migrations));
      }
      database.putSync(META_REVISION, encodeMeta(migrated));
    });
  } catch (error) {
    throw StoreFileError.notMigrated(file, error instanceof Error ? error.message : String(error));
  }
  return migrated;
}
