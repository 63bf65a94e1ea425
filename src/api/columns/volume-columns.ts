import type { PersistentVolume, PersistentVolumeClaim, StorageClass } from '../generated/types.ts';
import { CLASS_ANNOTATION } from '../volume-names.ts';
import { age, ageColumn, nameColumn, shown, type TableLayout, UNSET, wide } from './layout.ts';

const ACCESS_MODES = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]);

/** In a fixed order, each once: `RWO,ROX`. */
function accessModes(modes: readonly string[] | undefined): string {
  return [...ACCESS_MODES]
    .filter(([mode]) => modes?.includes(mode))
    .map(([, short]) => short)
    .join(',');
}

const DEFAULT_CLASS = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export const claimLayout = (): TableLayout<PersistentVolumeClaim> => ({
  columns: [
    nameColumn(),
    shown('Status', ['PersistentVolumeClaimStatus', 'phase']),
    shown('Volume', ['PersistentVolumeClaimSpec', 'volumeName']),
    shown('Capacity', ['PersistentVolumeClaimStatus', 'capacity']),
    shown('Access Modes', ['PersistentVolumeClaimStatus', 'accessModes']),
    shown('StorageClass', 'StorageClass of the pvc'),
    shown('VolumeAttributesClass', 'VolumeAttributesClass of the pvc'),
    ageColumn(),
    wide('VolumeMode', ['PersistentVolumeClaimSpec', 'volumeMode']),
  ],
  cells(claim, nowMs) {
    const { metadata, spec, status } = claim;
    const bound = (spec.volumeName ?? '') !== '';
    return [
      metadata.name,
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      spec.volumeName ?? '',
      bound ? (status?.capacity?.storage ?? '0') : '',
      bound ? accessModes(status?.accessModes) : '',
      metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '',
      spec.volumeAttributesClassName ?? UNSET,
      age(claim, nowMs),
      spec.volumeMode ?? UNSET,
    ];
  },
});

export const volumeLayout = (): TableLayout<PersistentVolume> => ({
  columns: [
    nameColumn(),
    shown('Capacity', ['PersistentVolumeSpec', 'capacity']),
    shown('Access Modes', ['PersistentVolumeSpec', 'accessModes']),
    shown('Reclaim Policy', ['PersistentVolumeSpec', 'persistentVolumeReclaimPolicy']),
    shown('Status', ['PersistentVolumeStatus', 'phase']),
    shown('Claim', ['PersistentVolumeSpec', 'claimRef']),
    shown('StorageClass', 'StorageClass of the pv'),
    shown('VolumeAttributesClass', 'VolumeAttributesClass of the pv'),
    shown('Reason', ['PersistentVolumeStatus', 'reason']),
    ageColumn(),
    wide('VolumeMode', ['PersistentVolumeSpec', 'volumeMode']),
  ],
  cells(volume, nowMs) {
    const { metadata, spec, status } = volume;
    const { claimRef } = spec;
    return [
      metadata.name,
      spec.capacity?.storage ?? '0',
      accessModes(spec.accessModes),
      spec.persistentVolumeReclaimPolicy ?? '',
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
      claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`,
      metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '',
      spec.volumeAttributesClassName ?? UNSET,
      status?.reason ?? '',
      age(volume, nowMs),
      spec.volumeMode ?? UNSET,
    ];
  },
});

export const storageClassLayout = (): TableLayout<StorageClass> => ({
  columns: [
    nameColumn(),
    shown('Provisioner', ['StorageClass', 'provisioner']),
    shown('ReclaimPolicy', ['StorageClass', 'reclaimPolicy']),
    shown('VolumeBindingMode', ['StorageClass', 'volumeBindingMode']),
    shown('AllowVolumeExpansion', ['StorageClass', 'allowVolumeExpansion']),
    ageColumn(),
  ],
  cells(storageClass, nowMs) {
    const { metadata } = storageClass;
    const isDefault = DEFAULT_CLASS.some((annotation) => metadata.annotations?.[annotation] === 'true');
    return [
      isDefault ? `${metadata.name} (default)` : metadata.name,
      storageClass.provisioner,
      storageClass.reclaimPolicy ?? 'Delete',
      storageClass.volumeBindingMode ?? 'Immediate',
      storageClass.allowVolumeExpansion ?? false,
      age(storageClass, nowMs),
    ];
  },
});
