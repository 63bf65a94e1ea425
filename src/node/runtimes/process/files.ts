import fs from 'node:fs';

/** The file's text, or undefined when there is none. */
export function readIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** The names in a directory; none when it does not exist. */
export function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** The whole file or the one before it, whenever the process is killed. */
export function writeAtomically(file: string, text: string, mode = 0o600): void {
  fs.writeFileSync(`${file}.new`, text, { mode });
  fs.renameSync(`${file}.new`, file);
}

function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Undefined when there is no such file, or not a whole one: a power failure can leave it empty. */
export function readJson<T>(file: string): T | undefined {
  try {
    return JSON.parse(readIfThere(file) ?? '') as T;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
