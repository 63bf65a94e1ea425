/** A file of the store cannot be used. The message names it and says what to do; nothing was changed. */
export class StoreFileError extends Error {
  override readonly name = 'StoreFileError';

  static damaged(file: string, what: string): StoreFileError {
    return new StoreFileError(
      `${file} is damaged: ${what}. Restore a backup, or move the file away to begin with an empty store; ` +
        'the data of volumes is not in it.',
    );
  }

  static tooNew(file: string, format: number, known: number): StoreFileError {
    return new StoreFileError(
      `${file} was written by a newer version of Berth (format ${format}, this version knows ${known}). ` +
        'Nothing was changed: use that version or a later one.',
    );
  }

  static notMigrated(file: string, why: string): StoreFileError {
    return new StoreFileError(
      `${file} is of an older format and cannot be brought to that of this version: ${why}. Nothing was changed: ` +
        'use the version that wrote it, or try again when that is mended.',
    );
  }
}
