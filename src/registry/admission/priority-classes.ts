import { apiError } from '../../api/errors.ts';
import type { PriorityClass } from '../../api/generated/types.ts';
import { PriorityClasses } from '../../api/kinds.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { resourcePrefix } from '../keys.ts';

/** Throws `Forbidden` for a second class that is the default. */
export async function admitPriorityClass(core: RegistryCore, priority: PriorityClass): Promise<PriorityClass> {
  if (priority.globalDefault !== true) return priority;
  const { name } = priority.metadata;
  const { entries } = await core.store.list(resourcePrefix(PriorityClasses));
  const other = entries
    .map((entry) => objectOf<PriorityClass>(entry))
    .find((one) => one.globalDefault === true && one.metadata.name !== name);
  if (other === undefined) return priority;
  throw apiError(
    'Forbidden',
    `priorityclasses.scheduling.k8s.io ${JSON.stringify(name)} is forbidden: PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
    { type: PriorityClasses, name },
  );
}
