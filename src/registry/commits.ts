import { apiError } from '../api/errors.ts';
import type { KubernetesObject } from '../api/meta.ts';
import { type Entry, type Operation, type Precondition, PreconditionError, StoreWriteError } from '../store/store.ts';
import { type RegistryCore, StoredEntry } from './core.ts';
import type { StoredObject } from './requests.ts';

/** The object, which is frozen, as the version that `revision` makes. */
function versioned(object: KubernetesObject, revision: number): KubernetesObject {
  const metadata = Object.freeze({ ...object.metadata, resourceVersion: String(revision) });
  return Object.freeze({ ...object, metadata });
}

/**
 * Writes the next version of `key`, whose current one is `replaces` (0: there is none), if `also` holds. `object` is
 * deeply frozen.
 */
export function commitPut(
  core: RegistryCore,
  key: string,
  object: KubernetesObject,
  replaces: number,
  also?: Precondition,
): Promise<StoredObject> {
  return commitOne(core, { type: 'put', key, value: (revision) => versioned(object, revision) }, replaces, also);
}

/** Removes `key`; watchers see `object` as its last state, with the version of the removal. */
export function commitDelete(
  core: RegistryCore,
  key: string,
  object: KubernetesObject,
  replaces: number,
): Promise<StoredObject> {
  return commitOne(core, { type: 'delete', key, value: (revision) => versioned(object, revision) }, replaces);
}

async function commitOne(
  core: RegistryCore,
  operation: Operation,
  replaces: number,
  also?: Precondition,
): Promise<StoredObject> {
  try {
    const own: Precondition = { key: operation.key, revision: replaces };
    const { entries } = await core.store.commit([operation], also === undefined ? [own] : [own, also]);
    const [entry] = entries;
    if (entry === undefined) throw new Error(`the store took a write of ${operation.key} and shows none`);
    return new StoredEntry(entry);
  } catch (error) {
    if (!(error instanceof StoreWriteError)) throw error;
    core.logger.error('the store refused a write', { key: operation.key, error: error.message });
    throw apiError('InternalError', `cannot store: ${error.message}`);
  }
}

/** How often a write is tried when something outside this registry changes the same key in between. */
const ATTEMPTS = 5;

/**
 * Runs `work` with the current version of `key` while nobody else writes it. Work whose preconditions did not hold is
 * done again, with what is there then.
 */
export function withCurrent<T>(
  core: RegistryCore,
  key: string,
  work: (current: Entry | undefined) => Promise<T>,
): Promise<T> {
  return core.locks.run(key, async () => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await work(await core.store.get(key));
      } catch (error) {
        if (!(error instanceof PreconditionError)) throw error;
        if (attempt === ATTEMPTS) throw apiError('Conflict', `${key} is being changed by somebody else; try again`);
      }
    }
  });
}
