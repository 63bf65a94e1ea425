import type { EnvFromSource, EnvVar, EnvVarSource, ResourceFieldSelector } from '../../api/generated/types.ts';
import { checkDnsSubdomain } from '../../api/names.ts';
import { checkConfigKey, checkDescendingPath, checkName, checkRequiredName } from './checks.ts';
import { type Errors, invalidValue, notSupported, required } from './field-errors.ts';

/** What a container may know of its pod through its environment. */
const ENV_FIELDS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

/** What a file may hold of its pod. */
const FILE_FIELDS = ['metadata.annotations', 'metadata.labels', 'metadata.name', 'metadata.namespace', 'metadata.uid'];

/** All that has a path, whether or not it can be had in the place that asks. */
const POD_FIELDS = [...ENV_FIELDS, ...FILE_FIELDS, 'spec.restartPolicy', 'spec.schedulerName', 'status.phase'];

const ENV_SOURCES = ['fieldRef', 'resourceFieldRef', 'configMapKeyRef', 'secretKeyRef', 'fileKeyRef'] as const;

/** Any printable ASCII except `=`. */
const ENV_NAME = /^[ -<>-~]+$/;
const ENV_NAME_RULE =
  "a valid environment variable name must consist only of printable ASCII characters other than '='";

export function validateEnv(env: readonly EnvVar[], field: string, errors: Errors): void {
  for (const [index, variable] of env.entries()) {
    const at = `${field}[${index}]`;
    if (variable.name === undefined || variable.name === '') errors.push(required(`${at}.name`));
    else if (!ENV_NAME.test(variable.name)) errors.push(invalidValue(`${at}.name`, variable.name, ENV_NAME_RULE));
    if (variable.valueFrom !== undefined) validateSource(variable, variable.valueFrom, `${at}.valueFrom`, errors);
  }
}

function validateSource(variable: EnvVar, source: EnvVarSource, field: string, errors: Errors): void {
  let count = 0;
  for (const kind of ENV_SOURCES) if (source[kind] !== undefined) count++;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = source;
  if (fieldRef !== undefined) validateFieldRef(fieldRef, ENV_FIELDS, `${field}.fieldRef`, errors);
  if (resourceFieldRef !== undefined) {
    validateResourceFieldRef(resourceFieldRef, false, `${field}.resourceFieldRef`, errors);
  }
  if (configMapKeyRef !== undefined) validateKeyRef(configMapKeyRef, `${field}.configMapKeyRef`, errors);
  if (secretKeyRef !== undefined) validateKeyRef(secretKeyRef, `${field}.secretKeyRef`, errors);
  if (fileKeyRef !== undefined) {
    checkRequiredName(fileKeyRef.volumeName, () => [], `${field}.fileKeyRef.volumeName`, errors);
    if ((fileKeyRef.path ?? '') === '') errors.push(required(`${field}.fileKeyRef.path`));
    else checkDescendingPath(fileKeyRef.path, `${field}.fileKeyRef.path`, errors);
  }
  if (count === 0) {
    const list = '`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`';
    errors.push(invalidValue(field, '', `must specify one of: ${list}`));
  } else if ((variable.value ?? '') !== '') {
    errors.push(invalidValue(field, '', 'may not be specified when `value` is not empty'));
  } else if (count > 1) {
    errors.push(invalidValue(field, '', 'may not have more than one field specified at a time'));
  }
}

export function validateEnvFrom(sources: readonly EnvFromSource[], field: string, errors: Errors): void {
  for (const [index, source] of sources.entries()) {
    const at = `${field}[${index}]`;
    const { prefix = '', configMapRef, secretRef } = source;
    if (prefix !== '' && !ENV_NAME.test(prefix)) errors.push(invalidValue(`${at}.prefix`, prefix, ENV_NAME_RULE));
    if (configMapRef !== undefined)
      checkRequiredName(configMapRef.name, checkDnsSubdomain, `${at}.configMapRef.name`, errors);
    if (secretRef !== undefined) checkRequiredName(secretRef.name, checkDnsSubdomain, `${at}.secretRef.name`, errors);
    if (configMapRef === undefined && secretRef === undefined) {
      errors.push(invalidValue(field, '', 'must specify one of: `configMapRef` or `secretRef`'));
    } else if (configMapRef !== undefined && secretRef !== undefined) {
      errors.push(invalidValue(field, '', 'may not have more than one field specified at a time'));
    }
  }
}

function validateKeyRef(ref: { readonly name?: string; readonly key: string }, field: string, errors: Errors): void {
  if ((ref.name ?? '') === '') errors.push(required(`${field}.name`));
  if ((ref.key ?? '') === '') errors.push(required(`${field}.key`));
  else checkName(ref.key, checkConfigKey, `${field}.key`, errors);
}

/** A field of the pod for a file of the downward API. */
export function validateFileFieldRef(
  ref: { readonly apiVersion?: string; readonly fieldPath: string },
  field: string,
  errors: Errors,
): void {
  validateFieldRef(ref, FILE_FIELDS, field, errors);
}

function validateFieldRef(
  ref: { readonly apiVersion?: string; readonly fieldPath: string },
  fields: readonly string[],
  field: string,
  errors: Errors,
): void {
  if ((ref.apiVersion ?? '') === '') {
    errors.push(required(`${field}.apiVersion`));
    return;
  }
  const path = ref.fieldPath ?? '';
  if (path === '') {
    errors.push(required(`${field}.fieldPath`));
    return;
  }
  const subscript = /^(metadata\.(?:labels|annotations))\['(.*)'\]$/.exec(path);
  if (subscript !== null) {
    if (subscript[2] === '') errors.push(invalidValue(field, path, 'the key in brackets must not be empty'));
    return;
  }
  if (fields.includes(path)) return;
  errors.push(
    POD_FIELDS.includes(path)
      ? notSupported(`${field}.fieldPath`, path, fields)
      : invalidValue(`${field}.fieldPath`, path, `error converting fieldPath: field label not supported: ${path}`),
  );
}

const RESOURCES = [
  'limits.cpu',
  'limits.ephemeral-storage',
  'limits.memory',
  'requests.cpu',
  'requests.ephemeral-storage',
  'requests.memory',
];

/** The amount of a resource that a container has; in a file the container must be named. */
export function validateResourceFieldRef(
  ref: ResourceFieldSelector,
  inFile: boolean,
  field: string,
  errors: Errors,
): void {
  if (inFile && (ref.containerName ?? '') === '') errors.push(required(`${field}.containerName`));
  const { resource = '' } = ref;
  if (resource === '') errors.push(required(`${field}.resource`));
  else if (!RESOURCES.includes(resource) && !/^(limits|requests)\.hugepages-/.test(resource)) {
    errors.push(notSupported(`${field}.resource`, resource, RESOURCES));
  }
}
