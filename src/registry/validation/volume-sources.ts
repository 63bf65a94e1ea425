import { checkDnsSubdomain } from '../../api/names.ts';
import { checkDescendingPath, checkInRange, checkName, checkOneOf, checkPortNumber } from './checks.ts';
import { type Errors, invalidValue, required, tooLong } from './field-errors.ts';

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
  for (const [name, check] of Object.entries(CHECKS[kind] ?? {})) {
    const value = fields.get(name);
    if (value !== undefined && value !== '') check(value, `${field}.${name}`, errors);
  }
}

type Check = (value: unknown, field: string, errors: Errors) => void;

const oneOf =
  (...values: readonly string[]): Check =>
  (value, field, errors) =>
    checkOneOf(String(value), values, field, errors);

const inByte: Check = (value, field, errors) => checkInRange(Number(value), 0, 255, field, errors);

const absolutePath: Check = (value, field, errors) => {
  if (!String(value).startsWith('/')) errors.push(invalidValue(field, value, 'must be an absolute path'));
};

const secretReference: Check = (value, field, errors) => {
  const { name = '' }: { readonly name?: unknown } = Object(value);
  if (name === '') errors.push(required(`${field}.name`));
};

const csiDriver: Check = (value, field, errors) => {
  const name = String(value);
  if (name.length > 63) errors.push(tooLong(field, 63));
  checkName(name.toLowerCase(), checkDnsSubdomain, field, errors);
};

const IQN = /^iqn\.\d{4}-\d{2}\.[-.:_a-z0-9]+$|^eui\.[a-f0-9]{16}$|^naa\.([a-f0-9]{16}|[a-f0-9]{32})$/i;

const iqn: Check = (value, field, errors) => {
  if (!IQN.test(String(value))) errors.push(invalidValue(field, value, 'must be valid format'));
};

/** V1: what else Kubernetes asks of volumes, whether or not a node of ours can mount them. */
const CHECKS: Readonly<Record<string, Readonly<Record<string, Check>>>> = {
  awsElasticBlockStore: { partition: inByte },
  azureDisk: { cachingMode: oneOf('None', 'ReadOnly', 'ReadWrite'), kind: oneOf('Dedicated', 'Managed', 'Shared') },
  csi: { driver: csiDriver, nodePublishSecretRef: secretReference },
  gcePersistentDisk: { partition: inByte },
  gitRepo: { directory: (value, field, errors) => checkDescendingPath(String(value), field, errors) },
  image: { pullPolicy: oneOf('Always', 'IfNotPresent', 'Never') },
  iscsi: { iqn, lun: inByte },
  nfs: { path: absolutePath },
  quobyte: {
    registry: (value, field, errors) => {
      for (const host of String(value).split(',')) {
        const port = /^[^:]+:(\d+)$/.exec(host)?.[1];
        if (port === undefined)
          errors.push(invalidValue(field, value, 'must be a host:port pair or multiple pairs separated by commas'));
        else checkPortNumber(Number(port), field, errors);
      }
    },
  },
};
