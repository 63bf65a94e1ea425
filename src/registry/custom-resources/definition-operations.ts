import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import type { RegistryCore } from '../core.ts';
import type { Operations } from '../operations.ts';
import type { RequestContext, StoredObject } from '../requests.ts';
import { loadRules, readRule } from './rules/cel.ts';
import { rulesOf } from './rules/validate-rules.ts';

/** Nobody else takes names while a definition is being written: all definitions share this lock. */
const NAMES = 'names of custom resources';

/** What can be done with definitions: as with everything that is stored, but one write at a time. */
export function definitionOperations(core: RegistryCore, stored: Operations): Operations {
  const write = (context: RequestContext, work: () => Promise<StoredObject>): Promise<StoredObject> =>
    core.locks.run(NAMES, async () => {
      await loadRules();
      const written = await work();
      for (const warning of unusedRules(written.object as CustomResourceDefinition)) context.warn?.(warning);
      return written;
    });
  return {
    ...stored,
    create: (type, namespace, object, context) => write(context, () => stored.create(type, namespace, object, context)),
    update: (type, key, object, context) => write(context, () => stored.update(type, key, object, context)),
    patch: (type, key, patch, context) => write(context, () => stored.patch(type, key, patch, context)),
  };
}

/** What the author of a definition should know of its rules. */
function unusedRules({ spec }: CustomResourceDefinition): readonly string[] {
  return spec.versions.flatMap(({ schema }, index) =>
    rulesOf(schema?.openAPIV3Schema ?? {}, `spec.versions[${index}].schema.openAPIV3Schema`).flatMap(({ rule, at }) => {
      const read = readRule(rule);
      return typeof read === 'function'
        ? []
        : [`${at}: stored, and not evaluated by this server: ${read.message}: ${JSON.stringify(rule)}`];
    }),
  );
}
