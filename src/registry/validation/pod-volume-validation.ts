import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  PersistentVolumeClaimTemplate,
  ProjectedVolumeSource,
  Volume,
  VolumeProjection,
} from '../../api/generated/types.ts';
import { checkDnsLabel, checkDnsSubdomain } from '../../api/names.ts';
import {
  checkDescendingPath,
  checkInRange,
  checkName,
  checkNoBacksteps,
  checkOneOf,
  checkRequiredName,
} from './checks.ts';
import { validateFileFieldRef, validateResourceFieldRef } from './env-validation.ts';
import { duplicate, type Errors, forbidden, invalidValue, required } from './field-errors.ts';
import { validateLabels } from './metadata-validation.ts';
import { checkNonNegativeQuantity } from './resource-validation.ts';
import { validateVolumeSource } from './volume-sources.ts';

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export type ClaimTemplateCheck = (template: PersistentVolumeClaimTemplate, field: string, errors: Errors) => void;

/** Reports what is wrong with the volumes and returns their names. */
export function validateVolumes(
  volumes: readonly Volume[] | undefined,
  field: string,
  checkTemplate: ClaimTemplateCheck,
  errors: Errors,
): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [index, volume] of (volumes ?? []).entries()) {
    const at = `${field}[${index}]`;
    if (volume.name === undefined || volume.name === '') errors.push(required(`${at}.name`));
    else {
      checkName(volume.name, checkDnsLabel, `${at}.name`, errors);
      if (names.has(volume.name)) errors.push(duplicate(`${at}.name`, volume.name));
      names.add(volume.name);
    }
    validateSources(volume, at, checkTemplate, errors);
  }
  return names;
}

/** Volumes that many pods share, and that are right. */
const valid = new WeakSet<Volume>();

function validateSources(volume: Volume, field: string, checkTemplate: ClaimTemplateCheck, errors: Errors): void {
  if (valid.has(volume)) return;
  const errorsBefore = errors.length;
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  if (sources.length === 0) errors.push(required(field, 'must specify a volume type'));
  for (const extra of sources.slice(1)) {
    errors.push(forbidden(`${field}.${extra}`, 'may not specify more than 1 volume type'));
  }
  const [kind] = sources;
  if (kind !== undefined) {
    validateVolumeSource(kind, volume[kind as keyof Volume], `${field}.${kind}`, errors);
  }
  validateSource(volume, field, checkTemplate, errors);
  if (errors.length === errorsBefore && Object.isFrozen(volume)) valid.add(volume);
}

function validateSource(volume: Volume, field: string, checkTemplate: ClaimTemplateCheck, errors: Errors): void {
  const { emptyDir, hostPath, configMap, secret, persistentVolumeClaim, projected, downwardAPI, ephemeral } = volume;
  if (emptyDir?.sizeLimit !== undefined) {
    checkNonNegativeQuantity(emptyDir.sizeLimit, `${field}.emptyDir.sizeLimit`, errors);
  }
  if (hostPath !== undefined) {
    if ((hostPath.path ?? '') === '') errors.push(required(`${field}.hostPath.path`));
    else checkNoBacksteps(hostPath.path, `${field}.hostPath.path`, errors);
    checkOneOf(hostPath.type, HOST_PATH_TYPES, `${field}.hostPath.type`, errors);
  }
  if (configMap !== undefined) {
    checkRequiredName(configMap.name, checkDnsSubdomain, `${field}.configMap.name`, errors);
    checkMode(configMap.defaultMode, `${field}.configMap.defaultMode`, errors);
    validateItems(configMap.items, `${field}.configMap.items`, errors);
  }
  if (secret !== undefined) {
    checkRequiredName(secret.secretName, checkDnsSubdomain, `${field}.secret.secretName`, errors);
    checkMode(secret.defaultMode, `${field}.secret.defaultMode`, errors);
    validateItems(secret.items, `${field}.secret.items`, errors);
  }
  if (persistentVolumeClaim !== undefined) {
    checkRequiredName(
      persistentVolumeClaim.claimName,
      checkDnsSubdomain,
      `${field}.persistentVolumeClaim.claimName`,
      errors,
    );
  }
  if (downwardAPI !== undefined) {
    checkMode(downwardAPI.defaultMode, `${field}.downwardAPI.defaultMode`, errors);
    validateDownwardFiles(downwardAPI.items, `${field}.downwardAPI`, errors);
  }
  if (projected !== undefined) {
    checkMode(projected.defaultMode, `${field}.projected.defaultMode`, errors);
    for (const [index, source] of (projected.sources ?? []).entries()) {
      validateProjection(source, `${field}.projected.sources[${index}]`, errors);
    }
    checkPaths(projected, `${field}.projected`, errors);
  }
  if (ephemeral !== undefined) {
    const template = ephemeral.volumeClaimTemplate;
    if (template === undefined) errors.push(required(`${field}.ephemeral.volumeClaimTemplate`));
    else {
      validateLabels(template.metadata?.labels, `${field}.ephemeral.volumeClaimTemplate.metadata.labels`, errors);
      checkTemplate(template, `${field}.ephemeral.volumeClaimTemplate.spec`, errors);
    }
  }
}

/** Files of one volume that would take each other's place. */
function checkPaths({ sources = [] }: ProjectedVolumeSource, field: string, errors: Errors): void {
  const seen = new Set<string>();
  const paths = sources.flatMap(({ configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle }) => [
    ...[configMap, secret, downwardAPI].flatMap((source) => (source?.items ?? []).map(({ path }) => path)),
    ...[serviceAccountToken, clusterTrustBundle].flatMap((source) => source?.path ?? []),
  ]);
  for (const path of paths) {
    if (path !== '' && seen.has(path)) errors.push(invalidValue(field, path, 'conflicting duplicate paths'));
    seen.add(path);
  }
}

function checkMode(mode: number | undefined, field: string, errors: Errors): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) {
    errors.push(invalidValue(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive'));
  }
}

function validateItems(items: readonly KeyToPath[] | undefined, field: string, errors: Errors): void {
  for (const [index, item] of (items ?? []).entries()) {
    const at = `${field}[${index}]`;
    if ((item.key ?? '') === '') errors.push(required(`${at}.key`));
    validateFilePath(item.path, `${at}.path`, errors);
    checkMode(item.mode, `${at}.mode`, errors);
  }
}

function validateFilePath(path: string | undefined, field: string, errors: Errors): void {
  if (path === undefined || path === '') errors.push(required(field));
  else if (path.startsWith('..')) errors.push(invalidValue(field, path, "must not start with '..'"));
  else checkDescendingPath(path, field, errors);
}

function validateDownwardFiles(
  items: readonly DownwardAPIVolumeFile[] | undefined,
  field: string,
  errors: Errors,
): void {
  for (const [index, file] of (items ?? []).entries()) {
    const at = `${field}.items[${index}]`;
    validateFilePath(file.path, `${at}.path`, errors);
    checkMode(file.mode, `${at}.mode`, errors);
    if (file.fieldRef !== undefined) {
      validateFileFieldRef(file.fieldRef, `${at}.fieldRef`, errors);
      if (file.resourceFieldRef !== undefined) {
        errors.push(invalidValue(at, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'));
      }
    } else if (file.resourceFieldRef !== undefined) {
      validateResourceFieldRef(file.resourceFieldRef, true, `${at}.resourceFieldRef`, errors);
    } else errors.push(required(field, 'one of fieldRef and resourceFieldRef is required'));
  }
}

/** A token that lives shorter is of no use to anybody. */
const MIN_TOKEN_SECONDS = 600;
const MAX_TOKEN_SECONDS = 2 ** 32;

function validateProjection(source: VolumeProjection, field: string, errors: Errors): void {
  const kinds = Object.keys(source);
  if (kinds.length === 0) errors.push(required(field, 'must specify a volume type'));
  for (const extra of kinds.slice(1)) {
    errors.push(forbidden(`${field}.${extra}`, 'may not specify more than 1 volume type per source'));
  }
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) {
    checkRequiredName(configMap.name, checkDnsSubdomain, `${field}.configMap.name`, errors);
    validateItems(configMap.items, `${field}.configMap.items`, errors);
  }
  if (secret !== undefined) {
    checkRequiredName(secret.name, checkDnsSubdomain, `${field}.secret.name`, errors);
    validateItems(secret.items, `${field}.secret.items`, errors);
  }
  if (downwardAPI !== undefined) validateDownwardFiles(downwardAPI.items, `${field}.downwardAPI`, errors);
  if (serviceAccountToken !== undefined) {
    const { expirationSeconds = 3600, path } = serviceAccountToken;
    const at = `${field}.serviceAccountToken.expirationSeconds`;
    if (expirationSeconds < MIN_TOKEN_SECONDS) {
      errors.push(invalidValue(at, expirationSeconds, 'may not specify a duration less than 10 minutes'));
    } else if (expirationSeconds > MAX_TOKEN_SECONDS) {
      errors.push(invalidValue(at, expirationSeconds, 'may not specify a duration larger than 2^32 seconds'));
    } else checkInRange(expirationSeconds, MIN_TOKEN_SECONDS, MAX_TOKEN_SECONDS, at, errors);
    validateFilePath(path, `${field}.serviceAccountToken.path`, errors);
  }
}
