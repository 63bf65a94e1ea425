import type { CustomResourceDefinition } from '../../api/generated/types.ts';
import { timestamp } from '../../platform/clock.ts';
import type { RegistryCore } from '../core.ts';
import { withStatus } from '../custom-resources/definition-status.ts';

/** A new definition: what its creator says of its status is not asked for. */
export function admitNewDefinition(core: RegistryCore, definition: CustomResourceDefinition): CustomResourceDefinition {
  const { status: _, ...rest } = definition;
  return admitDefinition(core, rest);
}

/** A definition with the names it gets among those there are. */
export function admitDefinition(core: RegistryCore, definition: CustomResourceDefinition): CustomResourceDefinition {
  return withStatus(definition, core.custom.definitions, timestamp(core.clock.now()));
}
