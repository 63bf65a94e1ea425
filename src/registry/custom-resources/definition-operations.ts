import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import type { RegistryCore } from '../core.ts';
import type { Operations } from '../operations.ts';
import type { RequestContext, StoredObject } from '../requests.ts';
import { hasRules } from './definition-validation.ts';

/** Nobody else takes names while a definition is being written: all definitions share this lock. */
const NAMES = 'names of custom resources';

/** What can be done with definitions: as with everything that is stored, but one write at a time. */
export function definitionOperations(core: RegistryCore, stored: Operations): Operations {
  const write = (context: RequestContext, work: () => Promise<StoredObject>): Promise<StoredObject> =>
    core.locks.run(NAMES, async () => {
      const written = await work();
      if (hasRules(written.object as CustomResourceDefinition)) {
        context.warn?.('x-kubernetes-validations: the rules are stored, and not evaluated by this server');
      }
      return written;
    });
  return {
    ...stored,
    create: (type, namespace, object, context) => write(context, () => stored.create(type, namespace, object, context)),
    update: (type, key, object, context) => write(context, () => stored.update(type, key, object, context)),
    patch: (type, key, patch, context) => write(context, () => stored.patch(type, key, patch, context)),
  };
}
