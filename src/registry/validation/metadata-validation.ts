import type { ObjectMeta, OwnerReference } from '../../api/generated/types.ts';
import { checkDnsLabel, checkLabelValue, checkQualifiedName, type NameCheck } from '../../api/names.ts';
import { checkName } from './checks.ts';
import { type Errors, forbidden, invalidValue, required, tooLong } from './field-errors.ts';
import { semanticEqual } from './semantic-equal.ts';

/** As much as all annotations of an object may hold, keys and values together. */
const MAX_ANNOTATION_BYTES = 256 * 1024;

export function validateMetadata(
  meta: ObjectMeta,
  namespaced: boolean,
  nameCheck: NameCheck,
  field: string,
  errors: Errors,
  checkFinalizer: FinalizerCheck = checkKubernetesFinalizer,
): void {
  if (meta.generateName !== undefined && meta.generateName !== '') {
    // Only the beginning of a name: it may end with a dash, which the generated part follows.
    checkName(meta.generateName.replace(/-+$/, ''), nameCheck, `${field}.generateName`, errors);
  }
  if (meta.name === undefined || meta.name === '') {
    errors.push(required(`${field}.name`, 'name or generateName is required'));
  } else checkName(meta.name, nameCheck, `${field}.name`, errors);
  const namespace = meta.namespace ?? '';
  if (namespaced) {
    if (namespace === '') errors.push(required(`${field}.namespace`));
    else checkName(namespace, checkDnsLabel, `${field}.namespace`, errors);
  } else if (namespace !== '') {
    errors.push(forbidden(`${field}.namespace`, 'not allowed on this type'));
  }
  validateLabels(meta.labels, `${field}.labels`, errors);
  validateAnnotations(meta.annotations, `${field}.annotations`, errors);
  validateOwnerReferences(meta.ownerReferences, `${field}.ownerReferences`, errors);
  for (const finalizer of meta.finalizers ?? []) checkFinalizer(finalizer, `${field}.finalizers`, errors);
}

/** `nameCheck` is not asked again: what was stored keeps its name. */
export function validateMetadataUpdate(
  meta: ObjectMeta,
  old: ObjectMeta,
  field: string,
  errors: Errors,
  checkFinalizer: FinalizerCheck = checkKubernetesFinalizer,
): void {
  // M1: how long an object still has is said with its deletion, and nowhere else.
  const immutable = [
    'name',
    'namespace',
    'uid',
    'creationTimestamp',
    'deletionTimestamp',
    'deletionGracePeriodSeconds',
  ] as const;
  for (const key of immutable) {
    if (meta[key] !== old[key] && !(meta[key] === undefined && old[key] === undefined)) {
      errors.push(invalidValue(`${field}.${key}`, meta[key], 'field is immutable'));
    }
  }
  if (meta.labels !== old.labels) validateLabels(meta.labels, `${field}.labels`, errors);
  if (meta.annotations !== old.annotations) validateAnnotations(meta.annotations, `${field}.annotations`, errors);
  if (meta.ownerReferences !== old.ownerReferences) {
    validateOwnerReferences(meta.ownerReferences, `${field}.ownerReferences`, errors);
  }
  if (meta.finalizers !== old.finalizers) {
    const before = new Set(old.finalizers);
    for (const finalizer of meta.finalizers ?? []) {
      checkFinalizer(finalizer, `${field}.finalizers`, errors);
    }
    const added = (meta.finalizers ?? []).filter((finalizer) => !before.has(finalizer));
    if (old.deletionTimestamp !== undefined && added.length > 0) {
      errors.push(
        forbidden(
          `${field}.finalizers`,
          `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`,
        ),
      );
    }
  }
}

export function validateLabels(labels: ObjectMeta['labels'], field: string, errors: Errors): void {
  for (const key in labels) {
    checkName(key, checkQualifiedName, field, errors);
    checkName(labels[key] ?? '', checkLabelValue, field, errors);
  }
}

export function validateAnnotations(annotations: ObjectMeta['annotations'], field: string, errors: Errors): void {
  let bytes = 0;
  for (const key in annotations) {
    // Unlike those of labels, keys of annotations may have capitals.
    checkName(key.toLowerCase(), checkQualifiedName, field, errors);
    bytes += Buffer.byteLength(key) + Buffer.byteLength(annotations[key] ?? '');
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLong(field, MAX_ANNOTATION_BYTES));
}

function validateOwnerReferences(
  references: readonly OwnerReference[] | undefined,
  field: string,
  errors: Errors,
): void {
  let controller: OwnerReference | undefined;
  for (const [index, reference] of (references ?? []).entries()) {
    const at = `${field}[${index}]`;
    // Only the version may be missing a group: `v1`.
    if (reference.apiVersion === undefined || reference.apiVersion === '') {
      errors.push(invalidValue(`${at}.apiVersion`, '', 'version must not be empty'));
    }
    for (const key of ['kind', 'name', 'uid'] as const) {
      if (reference[key] === undefined || reference[key] === '') {
        errors.push(invalidValue(`${at}.${key}`, '', `${key} must not be empty`));
      }
    }
    if (reference.controller !== true) continue;
    if (controller === undefined) controller = reference;
    else {
      const rival = (other: OwnerReference): string => `"${other.kind}/${other.name}"`;
      const detail = `Only one reference can have Controller set to true. Found "true" in references for ${rival(controller)} and ${rival(reference)}`;
      errors.push(invalidValue(field, references, detail));
    }
  }
}

const STANDARD_FINALIZERS = ['kubernetes', 'orphan', 'foregroundDeletion'];

type FinalizerCheck = (finalizer: string, field: string, errors: Errors) => void;

/** Any qualified name: what custom kinds, and their definitions, may have. */
export const checkAnyFinalizer: FinalizerCheck = (finalizer, field, errors) =>
  checkName(finalizer, checkQualifiedName, field, errors);

function checkKubernetesFinalizer(finalizer: string, field: string, errors: Errors): void {
  checkAnyFinalizer(finalizer, field, errors);
  if (!finalizer.includes('/') && !STANDARD_FINALIZERS.includes(finalizer)) {
    errors.push(invalidValue(field, finalizer, 'name is neither a standard finalizer name nor is it fully qualified'));
  }
}

/** Reports a value that differs from the stored one. */
export function checkImmutable(value: unknown, old: unknown, field: string, errors: Errors): void {
  if (!semanticEqual(value, old)) errors.push(invalidValue(field, value, 'field is immutable'));
}
