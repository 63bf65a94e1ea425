import { schema } from '../api/generated/schema.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import { type ObjectType, objectType } from '../api/schema-types.ts';
import { timestamp } from '../platform/clock.ts';
import type { RegistryCore } from './core.ts';
import { customObjectType } from './custom-resources/object-types.ts';
import { trackManagers, type Writer } from './patch/managers.ts';
import type { RequestContext } from './requests.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { sameValue } from './values.ts';

/** Whether who owns which field is still to be worked out, or the object says it already. */
export type ManagedFields = 'tracked' | 'said';

/** The type in the schema; undefined for kinds the schema does not know. */
export function knownType(type: ResourceType): ObjectType | undefined {
  if (type.custom !== undefined) return customObjectType(type);
  return Object.hasOwn(schema, type.schema) ? objectType(type.schema) : undefined;
}

/** Who writes, as `metadata.managedFields` names it. */
export function writerOf(core: RegistryCore, type: ResourceType, context: RequestContext): Writer {
  const { fieldManager, subresource } = context;
  return {
    manager: fieldManager ?? '',
    apiVersion: apiVersionOf(type),
    time: timestamp(core.clock.now()),
    ...(subresource !== undefined && { subresource }),
  };
}

/**
 * `object`, which is about to be stored over `old`, with the owners of its fields brought up to date. Berth's own
 * parts do not say who they are, and then what they write is not tracked, unless the object is tracked already: most
 * objects are never touched by anybody else, and a list of owners as large as the object would be kept for nothing.
 * `written` is what the writer asked for, where admission has made more of it: nobody owns what it added.
 */
export function withManagers(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
  old: AnyObject | undefined,
  context: RequestContext,
  written: AnyObject = object,
): AnyObject {
  const tracked = (object.metadata.managedFields ?? []).length > 0;
  if (context.fieldManager === undefined && !tracked) return object;
  const known = knownType(type);
  if (known === undefined) return object;
  const writer = { ...writerOf(core, type, context), manager: context.fieldManager ?? context.user.name };
  const managedFields = trackManagers(old, written, known, writer);
  if (managedFields === object.metadata.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
}

/** Whether a write would change nothing but when somebody was last seen to own a field. */
export function isSame(object: AnyObject, old: AnyObject): boolean {
  if (object.metadata.managedFields === old.metadata.managedFields) return sameValue(object, old);
  return sameValue(timeless(object), timeless(old));
}

function timeless({ metadata, ...rest }: AnyObject): object {
  const managedFields = metadata.managedFields?.map(({ time: _, ...entry }) => entry);
  return { ...rest, metadata: { ...metadata, managedFields } };
}
