import type { KubernetesObject } from '../../api/meta.ts';

interface Pass {
  isRunning: boolean;
  /** The versions it has written, until the cache shows them. */
  readonly written: Set<string>;
  /** The versions the cache has shown meanwhile: whose they are is known when the requests have been answered. */
  readonly noticed: string[];
}

/**
 * Which changes a set's own last pass has made: a pass that has counted them in already need not be followed by another
 * one that finds nothing to do. A cache may show a write before or after its writer has the answer.
 */
export class OwnChanges {
  readonly #passes = new Map<string, Pass>();

  begin(key: string): void {
    this.#passes.set(key, { isRunning: true, written: new Set(), noticed: [] });
  }

  wrote(key: string, object: KubernetesObject): void {
    this.#passes.get(key)?.written.add(versionOf(object));
  }

  /** The cache shows a change that may be the pass's own: true when it is another's, and the key needs a pass now. */
  isForeign(key: string, object: KubernetesObject): boolean {
    const pass = this.#passes.get(key);
    const version = versionOf(object);
    if (!pass?.isRunning) return pass?.written.delete(version) !== true;
    pass.noticed.push(version);
    return false;
  }

  /** True when the key needs another pass, for what was noticed during this one. */
  end(key: string): boolean {
    const pass = this.#passes.get(key);
    if (pass === undefined) return false;
    pass.isRunning = false;
    const isKnown = pass.noticed.map((version) => pass.written.delete(version)).every(Boolean);
    if (pass.written.size === 0) this.#passes.delete(key);
    return !isKnown;
  }

  /** What the pass has written so far does call for another one. */
  disown(key: string): void {
    this.#passes.get(key)?.written.clear();
  }

  forget(key: string): void {
    this.#passes.delete(key);
  }
}

function versionOf({ metadata: { uid, resourceVersion } }: KubernetesObject): string {
  return `${uid}/${resourceVersion}`;
}
