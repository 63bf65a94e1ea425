import fs from 'node:fs/promises';
import path from 'node:path';

/** A file of a volume. */
export interface VolumeFile {
  readonly content: Buffer;
  readonly mode: number;
}

/** Files of a volume by relative path. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

const DATA = '..data';

/**
 * P6: makes the files in `directory` these, all at once for whoever reads them: they are written into a new directory,
 * the link `..data` is moved there in one step, and every name users see is a link through it. Nothing is written when
 * nothing has changed; true when something was.
 */
export async function writeAtomically(
  directory: string,
  files: VolumeFiles,
  owner?: { readonly gid: number },
): Promise<boolean> {
  await fs.mkdir(directory, { recursive: true, mode: 0o755 });
  const before = await currentTarget(directory);
  if (before !== undefined && (await holds(path.join(directory, before), files))) return false;
  const target = await fs.mkdtemp(path.join(directory, `..${new Date().toISOString().replace(/[:.]/g, '_')}.`));
  await fs.chmod(target, 0o755);
  for (const [name, { content, mode }] of files) {
    const file = path.join(target, name);
    await fs.mkdir(path.dirname(file), { recursive: true, mode: 0o755 });
    await fs.writeFile(file, content);
    if (owner) await fs.chown(file, -1, owner.gid);
    await fs.chmod(file, owner ? mode | ((mode & 0o400) >> 3) : mode);
  }
  const link = path.join(directory, '..data_tmp');
  await fs.rm(link, { force: true });
  await fs.symlink(path.basename(target), link);
  await fs.rename(link, path.join(directory, DATA));
  await linkNames(directory, files, path.basename(target));
  return true;
}

async function currentTarget(directory: string): Promise<string | undefined> {
  try {
    const target = await fs.readlink(path.join(directory, DATA));
    return path.basename(target);
  } catch {
    return undefined;
  }
}

async function holds(directory: string, files: VolumeFiles): Promise<boolean> {
  try {
    const entries = await fs.readdir(directory, { recursive: true, withFileTypes: true });
    if (entries.filter((entry) => entry.isFile()).length !== files.size) return false;
    for (const [name, { content }] of files) {
      if (!(await fs.readFile(path.join(directory, name))).equals(content)) return false;
    }
    return true;
  } catch {
    return false;
  }
}

/** Leaves only the names of these files, and their directory; one may be there that was being written when Berth died. */
async function linkNames(directory: string, files: VolumeFiles, target: string): Promise<void> {
  const names = new Set(Array.from(files.keys(), (name) => name.split('/')[0] ?? name));
  for (const entry of await fs.readdir(directory)) {
    if (entry !== DATA && entry !== target && !names.has(entry)) {
      await fs.rm(path.join(directory, entry), { recursive: true, force: true });
    }
  }
  for (const name of names) {
    const link = path.join(directory, name);
    try {
      await fs.symlink(path.join(DATA, name), link);
    } catch (error) {
      if (!isExisting(error)) throw error;
    }
  }
}

function isExisting(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EEXIST';
}
