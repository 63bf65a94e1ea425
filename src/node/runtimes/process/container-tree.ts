import fs from 'node:fs';
import path from 'node:path';

import { isWithin } from './host-mounts.ts';

/** A directory of the machine that the container sees at the same path. */
export interface HostPart {
  readonly target: string;
  /** The directory of what the container adds to it. */
  readonly layer: string;
  /** Whether the container can add to it at all. */
  readonly canLayer: boolean;
}

/** Something that is put into the root at `target`, from `source` on the machine. */
interface Placed {
  readonly source: string;
  readonly target: string;
}

/**
 * The root of a container before it is mounted: parts of the machine, each with a layer of the container's own above
 * it, and what is placed into that. Finds where a path really is, and makes the place for the next mount, without ever
 * writing to the machine's own files.
 */
export class ContainerTree {
  readonly #base: string;
  readonly #parts: readonly HostPart[];
  readonly #layered = new Set<HostPart>();
  readonly #placed: Placed[] = [];

  /** `base` is a directory of the container's own: what is of no part is in it. */
  constructor(base: string, parts: readonly HostPart[]) {
    this.#base = base;
    this.#parts = parts;
  }

  /** Whether something was added to the part. */
  isLayered(part: HostPart): boolean {
    return this.#layered.has(part);
  }

  place(source: string, target: string): void {
    this.#placed.push({ source, target });
  }

  /**
   * Follows symbolic links as the container would, and makes what is missing: a directory, or an empty file. Returns
   * the path without links. Throws when it cannot be made there.
   */
  makeMountPoint(mountPath: string, kind: 'directory' | 'file'): string {
    let links = 0;
    let rest = parts(mountPath);
    let current = '';
    for (;;) {
      const name = rest.shift();
      if (name === undefined) return current === '' ? '/' : current;
      if (name === '..') {
        current = current.slice(0, current.lastIndexOf('/'));
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

  #find(target: string): { readonly file: string; readonly stat: fs.Stats } | undefined {
    for (const file of this.#candidates(target)) {
      const stat = fs.lstatSync(file, { throwIfNoEntry: false });
      if (stat !== undefined) return { file, stat };
    }
    return undefined;
  }

  #candidates(target: string): string[] {
    const placed = this.#placedAbove(target);
    if (placed !== undefined) return [placed];
    const part = this.#partOf(target);
    return part === undefined ? [this.#base + target] : [inLayer(part, target), target];
  }

  /** Where a path is that lies in something placed; the one placed last wins, as with mounts. */
  #placedAbove(target: string): string | undefined {
    const placed = this.#placed.findLast((one) => isWithin(target, one.target));
    return placed && placed.source + target.slice(placed.target.length);
  }

  #partOf(target: string): HostPart | undefined {
    let found: HostPart | undefined;
    for (const part of this.#parts) {
      if (isWithin(target, part.target) && part.target.length >= (found?.target.length ?? 0)) found = part;
    }
    return found;
  }

  #make(target: string, kind: 'directory' | 'file'): void {
    const file = this.#placedAbove(target) ?? this.#newPlace(target);
    if (kind === 'directory') fs.mkdirSync(file, { mode: 0o755 });
    else fs.writeFileSync(file, '');
  }

  #newPlace(target: string): string {
    const part = this.#partOf(target);
    if (part === undefined) return this.#base + target;
    if (!part.canLayer) throw new Error(`${target} does not exist, and nothing can be added to ${part.target}`);
    this.#layered.add(part);
    // A directory of the layer hides the machine's attributes of it, so it gets the same.
    let current = part.target === '/' ? '' : part.target;
    for (const name of parts(path.posix.dirname(target).slice(current.length))) {
      current += `/${name}`;
      const file = inLayer(part, current);
      if (fs.existsSync(file)) continue;
      const original = fs.statSync(current, { throwIfNoEntry: false });
      fs.mkdirSync(file);
      fs.chmodSync(file, original?.mode ?? 0o755);
      if (original !== undefined && process.getuid?.() === 0) fs.chownSync(file, original.uid, original.gid);
    }
    return inLayer(part, target);
  }
}

function inLayer(part: HostPart, target: string): string {
  return part.layer + (part.target === '/' ? target : target.slice(part.target.length));
}

function parts(target: string): string[] {
  return target.split('/').filter((part) => part !== '' && part !== '.');
}
