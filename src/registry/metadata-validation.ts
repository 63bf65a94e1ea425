import type { FieldError } from '../api/errors.ts';
import type { ObjectMeta, OwnerReference } from '../api/generated/types.ts';
import { checkLabelValue, checkQualifiedName } from '../api/names.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Strategy } from './strategies/strategy.ts';
import { isJsonObject } from './values.ts';

/** All keys and values of the annotations of one object together, in bytes. */
const ANNOTATIONS_SIZE = 256 * 1024;

const invalidValue = (field: string, value: unknown, why: string): FieldError => ({
  reason: 'FieldValueInvalid',
  field,
  message: `Invalid value: ${JSON.stringify(value)}: ${why}`,
});
const required = (field: string, why: string): FieldError => ({
  reason: 'FieldValueRequired',
  field,
  message: `Required value: ${why}`,
});
const forbidden = (field: string, why: string): FieldError => ({
  reason: 'FieldValueForbidden',
  field,
  message: `Forbidden: ${why}`,
});

/** What is wrong with the metadata of a new object, in Kubernetes' words. */
export function validateMetadata(type: ResourceType, strategy: Strategy, metadata: ObjectMeta): readonly FieldError[] {
  const { name = '', generateName = '' } = metadata;
  const errors: FieldError[] = [];
  if (generateName !== '') {
    // The end of a prefix is not the end of a name.
    const prefix = generateName.endsWith('-') ? `${generateName.slice(0, -1)}a` : generateName;
    for (const why of strategy.checkName(prefix)) {
      errors.push(invalidValue('metadata.generateName', generateName, why));
    }
  }
  if (name === '') errors.push(required('metadata.name', 'name or generateName is required'));
  else for (const why of strategy.checkName(name)) errors.push(invalidValue('metadata.name', name, why));
  if (!type.namespaced && metadata.namespace !== undefined) {
    errors.push(forbidden('metadata.namespace', 'not allowed on this type'));
  }
  addCommon(errors, metadata, undefined);
  return errors;
}

/** What is wrong with the metadata of a changed object. */
export function validateChangedMetadata(
  _type: ResourceType,
  _strategy: Strategy,
  metadata: ObjectMeta,
  old: ObjectMeta,
): readonly FieldError[] {
  const errors: FieldError[] = [];
  for (const field of ['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'] as const) {
    if (metadata[field] !== old[field]) {
      errors.push(invalidValue(`metadata.${field}`, metadata[field], 'field is immutable'));
    }
  }
  if (old.deletionTimestamp !== undefined) {
    const added = metadata.finalizers?.filter((finalizer) => !old.finalizers?.includes(finalizer)) ?? [];
    if (added.length > 0) {
      const list = added.map((finalizer) => JSON.stringify(finalizer)).join(', ');
      errors.push(
        forbidden(
          'metadata.finalizers',
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${list}}`,
        ),
      );
    }
  }
  addCommon(errors, metadata, old);
  return errors;
}

/** What new and changed metadata have in common. Parts that are the same as before were valid then. */
function addCommon(errors: FieldError[], metadata: ObjectMeta, old: ObjectMeta | undefined): void {
  if (metadata.labels !== old?.labels) addLabelErrors(errors, metadata.labels);
  if (metadata.annotations !== old?.annotations) addAnnotationErrors(errors, metadata.annotations);
  if (metadata.finalizers !== old?.finalizers) addFinalizerErrors(errors, metadata.finalizers ?? []);
  if (metadata.ownerReferences !== old?.ownerReferences) addOwnerErrors(errors, metadata.ownerReferences ?? []);
}

function addLabelErrors(errors: FieldError[], labels: ObjectMeta['labels']): void {
  for (const key in labels) {
    for (const why of checkQualifiedName(key)) errors.push(invalidValue('metadata.labels', key, why));
    const value = labels[key] ?? '';
    for (const why of checkLabelValue(value)) errors.push(invalidValue('metadata.labels', value, why));
  }
}

function addAnnotationErrors(errors: FieldError[], annotations: ObjectMeta['annotations']): void {
  let sizeBytes = 0;
  for (const key in annotations) {
    // Annotation keys are compared without regard to case by some clients, so Kubernetes checks them in lower case.
    for (const why of checkQualifiedName(key.toLowerCase()))
      errors.push(invalidValue('metadata.annotations', key, why));
    sizeBytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '');
  }
  if (sizeBytes > ANNOTATIONS_SIZE) {
    errors.push({
      reason: 'FieldValueTooLong',
      field: 'metadata.annotations',
      message: `Too long: may not be more than ${ANNOTATIONS_SIZE} bytes`,
    });
  }
}

/** Finalizers without a prefix that Kubernetes itself uses. */
const STANDARD_FINALIZERS: ReadonlySet<string> = new Set(['kubernetes', 'orphan', 'foregroundDeletion']);

function addFinalizerErrors(errors: FieldError[], finalizers: readonly string[]): void {
  for (const [index, finalizer] of finalizers.entries()) {
    const field = `metadata.finalizers[${index}]`;
    const wrong = checkQualifiedName(finalizer);
    for (const why of wrong) errors.push(invalidValue(field, finalizer, why));
    if (wrong.length === 0 && !finalizer.includes('/') && !STANDARD_FINALIZERS.has(finalizer)) {
      errors.push(
        invalidValue(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'),
      );
    }
  }
  if (finalizers.includes('orphan') && finalizers.includes('foregroundDeletion')) {
    errors.push(
      invalidValue('metadata.finalizers', finalizers, 'finalizer orphan and foregroundDeletion cannot be both set'),
    );
  }
}

function addOwnerErrors(errors: FieldError[], owners: readonly OwnerReference[]): void {
  let controller: string | undefined;
  for (const owner of owners) {
    const field = 'metadata.ownerReferences';
    if (!isJsonObject(owner)) {
      errors.push(invalidValue(field, owner, 'must be an object'));
      continue;
    }
    for (const member of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (owner[member] === undefined || owner[member] === '') {
        const what = member === 'apiVersion' ? 'version' : member;
        errors.push(invalidValue(`${field}.${member}`, owner[member] ?? '', `${what} must not be empty`));
      }
    }
    if (owner.kind === 'Event' && owner.apiVersion === 'v1') {
      errors.push(invalidValue(field, '/v1, Kind=Event', '/v1, Kind=Event is disallowed from being an owner'));
    }
    if (owner.controller !== true) continue;
    const name = `${owner.kind}/${owner.name}`;
    if (controller !== undefined) {
      errors.push(
        invalidValue(
          field,
          owners,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    }
    controller = name;
  }
}
