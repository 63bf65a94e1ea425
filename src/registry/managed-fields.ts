import { schema } from '../api/generated/schema.ts';
import { Events, PersistentVolumeClaims, PersistentVolumes, Pods } from '../api/kinds.ts';
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
  const { fieldManager, part, subresource } = context;
  return {
    manager: fieldManager ?? part ?? '',
    apiVersion: apiVersionOf(type),
    time: timestamp(core.clock.now()),
    ...(subresource !== undefined && { subresource }),
  };
}

/**
 * `object`, which is about to be stored over `old`, with the owners of its fields brought up to date. They are tracked
 * from the first write on, with two exceptions: a client in this process that does not say who it is, and what Berth
 * makes for each replica. Nobody else writes most of these, and lists of owners as large as the objects would cost a
 * sixth more of a busy server's time. `written` is what the writer asked for, where admission has made more of it:
 * nobody owns what it added.
 */
export function withManagers(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
  old: AnyObject | undefined,
  context: RequestContext,
  written: AnyObject = object,
): AnyObject {
  const isTracked = (object.metadata.managedFields ?? []).length > 0;
  if (!isTracked && !begins(type, old, context)) return object;
  const known = knownType(type);
  if (known === undefined) return object;
  const writer = writerOf(core, type, context);
  const named = writer.manager === '' ? { ...writer, manager: context.user.name } : writer;
  const managedFields = trackManagers(old, written, known, named);
  if (managedFields === object.metadata.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata: managedFields === undefined ? metadata : { ...metadata, managedFields } };
}

/** What there is of for each replica, or for each thing that happens to one. */
const MANY: ReadonlySet<ResourceType> = new Set([Pods, PersistentVolumeClaims, PersistentVolumes, Events]);

/** Whether an object that nobody manages is managed from this write on. */
function begins(type: ResourceType, old: AnyObject | undefined, { fieldManager, part }: RequestContext): boolean {
  return fieldManager !== undefined || (part !== undefined && old === undefined && !MANY.has(type));
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
