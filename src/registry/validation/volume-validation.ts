import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  StorageClass,
} from '../../api/generated/types.ts';
import { checkDnsSubdomain, checkQualifiedName } from '../../api/names.ts';
import { compareQuantities } from '../../api/quantity.ts';
import { checkName, checkOneOf, checkRequiredOneOf } from './checks.ts';
import { type Errors, forbidden, invalidValue, notSupported, required, tooMany } from './field-errors.ts';
import { validateLabelSelector } from './label-selector-validation.ts';
import { checkImmutable } from './metadata-validation.ts';
import { checkPositiveQuantity } from './resource-validation.ts';
import { validateNodeSelector } from './scheduling-validation.ts';
import { semanticEqual } from './semantic-equal.ts';
import { validateVolumeSource } from './volume-sources.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const VOLUME_MODES = ['Block', 'Filesystem'];

export function validateClaimSpec(spec: PersistentVolumeClaimSpec | undefined, field: string, errors: Errors): void {
  const { accessModes = [], resources, storageClassName = '', volumeMode } = spec ?? {};
  validateAccessModes(accessModes, `${field}.accessModes`, errors);
  validateLabelSelector(spec?.selector, `${field}.selector`, errors);
  const storage = resources?.requests?.storage;
  if (storage === undefined) errors.push(required(`${field}.resources[storage]`));
  else checkPositiveQuantity(storage, `${field}.resources[storage]`, errors);
  if (storageClassName !== '') checkName(storageClassName, checkDnsSubdomain, `${field}.storageClassName`, errors);
  checkOneOf(volumeMode, VOLUME_MODES, `${field}.volumeMode`, errors);
}

function validateAccessModes(modes: readonly string[], field: string, errors: Errors): void {
  if (modes.length === 0) errors.push(required(field, 'at least 1 access mode is required'));
  for (const mode of modes) if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(field, mode, ACCESS_MODES));
  if (modes.length > 1 && modes.includes('ReadWriteOncePod')) {
    errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'));
  }
}

export function validateClaim(claim: PersistentVolumeClaim, errors: Errors): void {
  validateClaimSpec(claim.spec, 'spec', errors);
}

const CLAIM_RULE =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** A claim may be bound once, and may grow. */
export function validateClaimUpdate(claim: PersistentVolumeClaim, old: PersistentVolumeClaim, errors: Errors): void {
  if (claim.spec === old.spec) return;
  validateClaimSpec(claim.spec, 'spec', errors);
  const { spec } = claim;
  const before = old.spec;
  const bound = old.status?.phase === 'Bound';
  const kept: PersistentVolumeClaimSpec = {
    ...spec,
    // The name of the volume is written once, when the claim is bound; so is the class, when it had none.
    ...((before.volumeName ?? '') === '' && { volumeName: '' }),
    ...(before.storageClassName === undefined && { storageClassName: '' }),
    ...(bound && { resources: { ...spec.resources, requests: before.resources?.requests ?? {} } }),
    ...(bound && { volumeAttributesClassName: before.volumeAttributesClassName ?? '' }),
  };
  if (!semanticEqual(kept, before)) errors.push(forbidden('spec', CLAIM_RULE));
  const now = spec.resources?.requests?.storage;
  const was = before.resources?.requests?.storage;
  if (bound && now !== undefined && was !== undefined && compareQuantities(now, was) < 0) {
    const capacity = old.status?.capacity?.storage;
    if (capacity === undefined || compareQuantities(now, capacity) <= 0) {
      errors.push(forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity'));
    }
  }
}

const VOLUME_SOURCES = [
  'awsElasticBlockStore',
  'azureDisk',
  'azureFile',
  'cephfs',
  'cinder',
  'csi',
  'fc',
  'flexVolume',
  'flocker',
  'gcePersistentDisk',
  'glusterfs',
  'hostPath',
  'iscsi',
  'local',
  'nfs',
  'photonPersistentDisk',
  'portworxVolume',
  'quobyte',
  'rbd',
  'scaleIO',
  'storageos',
  'vsphereVolume',
] as const;

export function validateVolume(volume: PersistentVolume, errors: Errors): void {
  const { spec } = volume;
  validateAccessModes(spec?.accessModes ?? [], 'spec.accessModes', errors);
  const capacity = spec?.capacity ?? {};
  if (Object.keys(capacity).length === 0) errors.push(required('spec.capacity'));
  if (Object.keys(capacity).length !== 1 || capacity.storage === undefined) {
    errors.push(notSupported('spec.capacity', capacity, ['storage']));
  } else checkPositiveQuantity(capacity.storage, 'spec.capacity[storage]', errors);
  checkRequiredOneOf(
    spec?.persistentVolumeReclaimPolicy,
    ['Delete', 'Recycle', 'Retain'],
    'spec.persistentVolumeReclaimPolicy',
    errors,
  );
  const sources = VOLUME_SOURCES.filter((source) => spec?.[source] !== undefined);
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'));
  for (const extra of sources.slice(1)) {
    errors.push(forbidden(`spec.${extra}`, 'may not specify more than 1 volume type'));
  }
  const [kind] = sources;
  if (kind !== undefined) validateVolumeSource(kind, spec?.[kind], `spec.${kind}`, errors);
  if (spec?.csi !== undefined && (spec.csi.volumeHandle ?? '') === '') errors.push(required('spec.csi.volumeHandle'));
  const needed = spec?.nodeAffinity?.required;
  if (spec?.nodeAffinity !== undefined) {
    if (needed === undefined)
      errors.push(required('spec.nodeAffinity.required', 'must specify required node constraints'));
    else validateNodeSelector(needed, 'spec.nodeAffinity.required', errors);
  }
  if (spec?.local !== undefined) {
    if ((spec.local.path ?? '') === '') errors.push(required('spec.local.path'));
    if (spec.nodeAffinity === undefined)
      errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (spec?.hostPath !== undefined && (spec.hostPath.path ?? '') === '') errors.push(required('spec.hostPath.path'));
  if (spec?.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', "may not be 'recycle' for a hostPath mount of '/'"));
  }
  if ((spec?.storageClassName ?? '') !== '') {
    checkName(spec?.storageClassName ?? '', checkDnsSubdomain, 'spec.storageClassName', errors);
  }
  checkOneOf(spec?.volumeMode, VOLUME_MODES, 'spec.volumeMode', errors);
}

export function validateVolumeUpdate(volume: PersistentVolume, old: PersistentVolume, errors: Errors): void {
  if (volume.spec === old.spec) return;
  validateVolume(volume, errors);
  for (const source of VOLUME_SOURCES) {
    if (!semanticEqual(volume.spec[source], old.spec[source])) {
      errors.push(forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'));
      break;
    }
  }
  checkImmutable(volume.spec.volumeMode, old.spec.volumeMode, 'spec.volumeMode', errors);
  if (old.spec.nodeAffinity !== undefined) {
    checkImmutable(volume.spec.nodeAffinity, old.spec.nodeAffinity, 'spec.nodeAffinity', errors);
  }
}

export function validateStorageClass(storageClass: StorageClass, errors: Errors): void {
  if ((storageClass.provisioner ?? '') === '') errors.push(required('provisioner'));
  else checkName(storageClass.provisioner.toLowerCase(), checkQualifiedName, 'provisioner', errors);
  if (Object.keys(storageClass.parameters ?? {}).length > 512) {
    errors.push(tooMany('parameters', Object.keys(storageClass.parameters ?? {}).length, 512));
  }
  checkRequiredOneOf(storageClass.reclaimPolicy, ['Delete', 'Retain'], 'reclaimPolicy', errors);
  checkRequiredOneOf(
    storageClass.volumeBindingMode,
    ['Immediate', 'WaitForFirstConsumer'],
    'volumeBindingMode',
    errors,
  );
}

export function validateStorageClassUpdate(storageClass: StorageClass, old: StorageClass, errors: Errors): void {
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const) {
    if (!semanticEqual(storageClass[field], old[field])) {
      errors.push(
        field === 'reclaimPolicy'
          ? invalidValue(field, storageClass[field], 'field is immutable')
          : forbidden(field, `updates to ${field} are forbidden.`),
      );
    }
  }
  checkImmutable(storageClass.volumeBindingMode, old.volumeBindingMode, 'volumeBindingMode', errors);
}
