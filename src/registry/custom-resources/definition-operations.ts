import type { RegistryCore } from '../core.ts';
import type { Operations } from '../operations.ts';
import type { StoredObject } from '../requests.ts';
import { loadRules } from './rules/cel.ts';

/** Nobody else takes names while a definition is being written: all definitions share this lock. */
const NAMES = 'names of custom resources';

/** What can be done with definitions: as with everything that is stored, but one write at a time. */
export function definitionOperations(core: RegistryCore, stored: Operations): Operations {
  const write = (work: () => Promise<StoredObject>): Promise<StoredObject> =>
    core.locks.run(NAMES, async () => {
      await loadRules();
      return work();
    });
  return {
    ...stored,
    create: (type, namespace, object, context) => write(() => stored.create(type, namespace, object, context)),
    update: (type, key, object, context) => write(() => stored.update(type, key, object, context)),
    patch: (type, key, patch, context) => write(() => stored.patch(type, key, patch, context)),
  };
}
