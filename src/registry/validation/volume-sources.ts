import { type Errors, required } from './field-errors.ts';

/** What each kind of volume cannot do without. Kinds that are checked elsewhere, or need nothing, are not here. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  awsElasticBlockStore: ['volumeID'],
  azureDisk: ['diskName', 'diskURI'],
  azureFile: ['secretName', 'shareName'],
  cephfs: ['monitors'],
  cinder: ['volumeID'],
  csi: ['driver'],
  flexVolume: ['driver'],
  gcePersistentDisk: ['pdName'],
  gitRepo: ['repository'],
  glusterfs: ['endpoints', 'path'],
  iscsi: ['targetPortal', 'iqn'],
  nfs: ['server', 'path'],
  photonPersistentDisk: ['pdID'],
  portworxVolume: ['volumeID'],
  quobyte: ['registry', 'volume'],
  rbd: ['monitors', 'image'],
  scaleIO: ['gateway', 'system', 'volumeName'],
  vsphereVolume: ['volumePath'],
};

/** Reports what is missing in the source of a volume of a pod, or of a persistent volume. */
export function validateVolumeSource(kind: string, source: unknown, field: string, errors: Errors): void {
  const fields = new Map(Object.entries(typeof source === 'object' && source !== null ? source : {}));
  for (const name of REQUIRED[kind] ?? []) {
    const value = fields.get(name);
    const empty = value === undefined || value === '' || (Array.isArray(value) && value.length === 0);
    if (empty) errors.push(required(`${field}.${name}`));
  }
}
