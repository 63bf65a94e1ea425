import { apiError, conflict } from '../api/errors.ts';
import type { ServedMeta } from '../api/generated/types.ts';
import type { ObjectKey } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { timestamp } from '../platform/clock.ts';
import { nameSuffix } from '../platform/random.ts';
import type { RegistryCore } from './core.ts';
import type { AnyObject, Strategy } from './strategies/strategy.ts';
import { type JsonObject, sameValue } from './values.ts';

/** The longest part of `generateName` that a generated name keeps; the rest is the suffix. */
const GENERATED_PREFIX = 58;

/**
 * The namespace an object is created in: the one of the request, which the object may repeat but not contradict.
 * Throws `BadRequest`.
 */
export function namespaceFor(type: ResourceType, requested: string | undefined, object: AnyObject): string | undefined {
  const own = object.metadata.namespace;
  if (!type.namespaced) return undefined;
  const namespace = requested === undefined || requested === '' ? own : requested;
  if (namespace === undefined || namespace === '') {
    throw apiError('BadRequest', 'an empty namespace may not be set during creation');
  }
  if (own !== undefined && own !== '' && own !== namespace) {
    throw apiError(
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  }
  return namespace;
}

/** Members are added one by one: to spread those that are there into a literal is many times as slow. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The metadata of a new object: what the server decides in place of what the creator may have said of it. */
export function newMetadata(
  core: RegistryCore,
  strategy: Strategy,
  given: AnyObject['metadata'],
  namespace: string | undefined,
): ServedMeta {
  const { name = '', generateName = '', labels, annotations, ownerReferences, finalizers, managedFields } = given;
  if (given.resourceVersion !== undefined && given.resourceVersion !== '') {
    throw apiError('BadRequest', 'resourceVersion should not be set on objects to be created');
  }
  const metadata: Writable<ServedMeta> = {
    name: name === '' && generateName !== '' ? generatedName(core, generateName) : name,
    uid: core.random.uuid(),
    // The store's revision replaces this when the object is written.
    resourceVersion: '',
    creationTimestamp: timestamp(core.clock.now()),
  };
  if (generateName !== '') metadata.generateName = generateName;
  if (namespace !== undefined) metadata.namespace = namespace;
  if (strategy.generation) metadata.generation = 1;
  if (labels !== undefined) metadata.labels = labels;
  if (annotations !== undefined) metadata.annotations = annotations;
  if (ownerReferences !== undefined) metadata.ownerReferences = ownerReferences;
  if (finalizers !== undefined) metadata.finalizers = finalizers;
  if (managedFields !== undefined) metadata.managedFields = managedFields;
  return metadata;
}

export function generatedName(core: RegistryCore, generateName: string): string {
  return `${generateName.slice(0, GENERATED_PREFIX)}${nameSuffix(core.random)}`;
}

/** Throws `BadRequest` when a body names another object than the request does. */
export function assertSameObject(type: ResourceType, key: ObjectKey, object: AnyObject): void {
  const { name, namespace } = object.metadata;
  if (name === undefined || name === '') {
    throw apiError(
      'BadRequest',
      `the name of the object (${key.name} based on URL) was undeterminable: name must be provided`,
    );
  }
  if (name !== key.name) {
    throw apiError('BadRequest', `the name of the object (${name}) does not match the name on the URL (${key.name})`);
  }
  if (type.namespaced && namespace !== undefined && namespace !== '' && namespace !== key.namespace) {
    throw apiError(
      'BadRequest',
      `the namespace of the object (${namespace}) does not match the namespace on the request (${key.namespace ?? ''})`,
    );
  }
}

/** Throws `Conflict` when a changed object is meant for another version, or another object, than the stored one. */
export function assertCurrent(type: ResourceType, object: AnyObject, old: AnyObject): void {
  const { name, uid, resourceVersion } = object.metadata;
  if (uid !== undefined && uid !== '' && uid !== old.metadata.uid) {
    throw conflict(
      type,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
  if (
    resourceVersion !== undefined &&
    resourceVersion !== '' &&
    resourceVersion !== '0' &&
    resourceVersion !== old.metadata.resourceVersion
  ) {
    throw conflict(
      type,
      name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  }
}

/** The metadata of a changed object: what a writer left out of what only the server sets is what it was. */
export function changedMetadata(object: AnyObject, old: AnyObject): ServedMeta {
  const given = object.metadata;
  const { metadata } = old;
  if (given === metadata) return metadata;
  const { labels, annotations, ownerReferences, finalizers } = given;
  const { namespace, generation } = metadata;
  const generateName = given.generateName ?? metadata.generateName;
  const deletionTimestamp = given.deletionTimestamp ?? metadata.deletionTimestamp;
  const deletionGracePeriodSeconds = given.deletionGracePeriodSeconds ?? metadata.deletionGracePeriodSeconds;
  // No list says nothing, and an empty one neither; who wants none writes one with an empty entry.
  const managedFields = given.managedFields?.length ? given.managedFields : metadata.managedFields;
  const changed: Writable<ServedMeta> = {
    name: metadata.name,
    uid: metadata.uid,
    resourceVersion: metadata.resourceVersion,
    creationTimestamp: given.creationTimestamp ?? metadata.creationTimestamp,
  };
  if (generateName !== undefined) changed.generateName = generateName;
  if (namespace !== undefined) changed.namespace = namespace;
  if (generation !== undefined) changed.generation = generation;
  if (deletionTimestamp !== undefined) changed.deletionTimestamp = deletionTimestamp;
  if (deletionGracePeriodSeconds !== undefined) changed.deletionGracePeriodSeconds = deletionGracePeriodSeconds;
  if (labels !== undefined) changed.labels = labels;
  if (annotations !== undefined) changed.annotations = annotations;
  if (ownerReferences !== undefined) changed.ownerReferences = ownerReferences;
  if (finalizers !== undefined) changed.finalizers = finalizers;
  if (managedFields !== undefined) changed.managedFields = managedFields;
  return changed;
}

/** Whether anything but metadata and status is different: what `metadata.generation` counts. */
export function specChanged(object: AnyObject, old: AnyObject): boolean {
  const members: JsonObject = { ...object };
  const before: JsonObject = { ...old };
  return Object.keys({ ...before, ...members }).some(
    (key) => !NOT_SPEC.has(key) && !sameValue(members[key], before[key]),
  );
}

const NOT_SPEC: ReadonlySet<string> = new Set(['metadata', 'status']);

/** Throws unless a patched object is the one that was asked for: a patch may repeat which that is, not change it. */
export function assertIdentityKept(type: ResourceType, key: ObjectKey, object: AnyObject, old: AnyObject): void {
  const { name, namespace } = object.metadata;
  if (name !== key.name) {
    throw apiError(
      'BadRequest',
      `the name of the object (${name ?? ''}) does not match the name on the URL (${key.name})`,
    );
  }
  if (namespace !== old.metadata.namespace) {
    throw apiError(
      'BadRequest',
      `the namespace of the object (${namespace ?? ''}) does not match the namespace on the request (${key.namespace ?? ''})`,
    );
  }
  if (object.metadata.uid !== old.metadata.uid && object.metadata.uid !== undefined) {
    throw conflict(
      type,
      key.name,
      `Precondition failed: UID in precondition: ${object.metadata.uid}, UID in object meta: ${old.metadata.uid}`,
    );
  }
}
