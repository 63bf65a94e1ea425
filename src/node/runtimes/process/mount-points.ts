import fs from 'node:fs';
import path from 'node:path';

/** Something that is put into a container's root at `target`, from `source` on the host. */
export interface Placed {
  readonly source: string;
  /** Absolute, inside the container, without symbolic links. */
  readonly target: string;
}

/**
 * The root of a container before it is mounted: the host's files, the container's own layer above them, and what has
 * been placed so far. Finds where a path really is, and makes the place for the next mount, without ever writing to
 * the host's own tree.
 */
export class ContainerTree {
  readonly #layer: string;
  readonly #placed: Placed[] = [];

  /** `layer` is the directory of what the container adds to the host's files. */
  constructor(layer: string) {
    this.#layer = layer;
  }

  place(source: string, target: string): void {
    this.#placed.push({ source, target });
  }

  /**
   * Follows symbolic links as the container would, and makes what is missing: a directory, or an empty file. Returns
   * the path without links.
   */
  makeMountPoint(mountPath: string, kind: 'directory' | 'file'): string {
    let links = 0;
    let rest = parts(mountPath);
    let current = '';
    for (;;) {
      const name = rest.shift();
      if (name === undefined) return current === '' ? '/' : current;
      if (name === '..') {
        current = path.posix.dirname(current);
        if (current === '/' || current === '.') current = '';
        continue;
      }
      const next = `${current}/${name}`;
      const found = this.#find(next);
      if (found?.stat.isSymbolicLink()) {
        if (++links > 40) throw new Error(`too many symbolic links in ${mountPath}`);
        const link = fs.readlinkSync(found.file);
        if (link.startsWith('/')) current = '';
        rest = [...parts(link), ...rest];
        continue;
      }
      if (found === undefined) this.#make(next, rest.length === 0 ? kind : 'directory');
      else if (rest.length > 0 && !found.stat.isDirectory()) throw new Error(`${next} is not a directory`);
      current = next;
    }
  }

  /** Puts an empty file into the layer, in the place of whatever the host has there. */
  makeOwnFile(target: string): void {
    this.#makeLayerDirectory(path.posix.dirname(target));
    fs.writeFileSync(this.#layer + target, '');
  }

  #find(target: string): { readonly file: string; readonly stat: fs.Stats } | undefined {
    for (const file of this.#candidates(target)) {
      const stat = fs.lstatSync(file, { throwIfNoEntry: false });
      if (stat !== undefined) return { file, stat };
    }
    return undefined;
  }

  #candidates(target: string): string[] {
    const placed = this.#placedAbove(target);
    return placed === undefined ? [this.#layer + target, target] : [placed];
  }

  /** Where a path is that lies in something placed; the one placed last wins, as with mounts. */
  #placedAbove(target: string): string | undefined {
    const placed = this.#placed.findLast((one) => isWithin(target, one.target));
    return placed && placed.source + target.slice(placed.target.length);
  }

  #make(target: string, kind: 'directory' | 'file'): void {
    const placed = this.#placedAbove(target);
    if (placed === undefined) this.#makeLayerDirectory(path.posix.dirname(target));
    const file = placed ?? this.#layer + target;
    if (kind === 'directory') fs.mkdirSync(file, { mode: 0o755 });
    else fs.writeFileSync(file, '');
  }

  /** A directory of the layer hides the host's attributes of it, so it gets the same. */
  #makeLayerDirectory(target: string): void {
    let current = '';
    for (const name of parts(target)) {
      current += `/${name}`;
      const file = this.#layer + current;
      if (fs.existsSync(file)) continue;
      const original = fs.statSync(current, { throwIfNoEntry: false });
      fs.mkdirSync(file);
      fs.chmodSync(file, original?.mode ?? 0o755);
      if (original !== undefined && process.getuid?.() === 0) fs.chownSync(file, original.uid, original.gid);
    }
  }
}

export function isWithin(target: string, directory: string): boolean {
  return target === directory || target.startsWith(directory === '/' ? '/' : `${directory}/`);
}

function parts(target: string): string[] {
  return target.split('/').filter((part) => part !== '' && part !== '.');
}
