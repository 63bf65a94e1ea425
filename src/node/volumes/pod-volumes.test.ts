import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import type {
  ConfigMap,
  Container,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodSpec,
  Secret,
} from '../../api/generated/types.ts';
import type { References } from '../config/references.ts';
import { machineDisk } from './disk.ts';
import { PodVolumes } from './pod-volumes.ts';

const facts = { podIPs: ['10.88.0.2'], hostIPs: ['10.0.0.1'], allocatable: { cpu: '4', memory: '8Gi' } };
const asRoot = process.getuid?.() === 0;

let root: string;
let objects: {
  configMaps: Record<string, Pick<ConfigMap, 'data' | 'binaryData'>>;
  secrets: Record<string, Pick<Secret, 'data'>>;
  claims: Record<string, Pick<PersistentVolumeClaim, 'spec' | 'status'>>;
  volumes: Record<string, PersistentVolume['spec']>;
};
let volumes: PodVolumes;

beforeEach(async () => {
  root = await fs.mkdtemp(path.join(os.tmpdir(), 'berth-volumes-'));
  objects = { configMaps: {}, secrets: {}, claims: {}, volumes: {} };
  const meta = (name: string) => ({
    name,
    namespace: 'default',
    uid: `uid-${name}`,
    resourceVersion: '1',
    creationTimestamp: '',
  });
  const found = <T extends object, K extends string>(kind: K, all: Record<string, T>, name: string) =>
    all[name] && { apiVersion: 'v1', kind, metadata: meta(name), ...all[name] };
  const references: References = {
    configMap: async (_namespace, name) => found('ConfigMap', objects.configMaps, name),
    secret: async (_namespace, name) => found('Secret', objects.secrets, name),
    claim: async (_namespace, name) => found('PersistentVolumeClaim', objects.claims, name),
    volume: async (name) => found('PersistentVolume', { [name]: { spec: objects.volumes[name]! } }, name),
    token: async (_namespace, account, { audience }) => `token of ${account} for ${audience ?? 'the API'}`,
  };
  const node = { metadata: { ...meta('node-0'), labels: { 'kubernetes.io/hostname': 'node-0' } } };
  volumes = new PodVolumes({ directory: path.join(root, 'pods'), disk: machineDisk, references, node: () => node });
});

afterEach(() => fs.rm(root, { recursive: true, force: true }));

function podWith(spec: Partial<PodSpec>, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'a', namespace: 'default', uid: 'uid', resourceVersion: '1', creationTimestamp: '', ...metadata },
    spec: { containers: [], ...spec },
  };
}

/** Where the container's mounts come from, by mount path. */
async function mounted(
  pod: Pod,
  container: Container,
  env: Record<string, string> = {},
): Promise<Record<string, string>> {
  await volumes.prepare(pod, facts);
  const mounts = await volumes.mounts(pod, container, env, facts);
  return Object.fromEntries(mounts.map(({ mountPath, hostPath }) => [mountPath, hostPath]));
}

const mounting = (...volumeMounts: NonNullable<Container['volumeMounts']>): Container => ({
  name: 'main',
  volumeMounts,
});
const read = (file: string) => fs.readFile(file, 'utf8');

describe('P6 a volume', () => {
  test('of a config map has a file for each key, or the chosen ones at their paths and modes', async () => {
    objects.configMaps.conf = {
      data: { 'a.conf': 'A', b: 'B' },
      binaryData: { bin: Buffer.from([1, 2]).toString('base64') },
    };
    const pod = podWith({
      volumes: [
        { name: 'all', configMap: { name: 'conf' } },
        {
          name: 'some',
          configMap: { name: 'conf', defaultMode: 0o600, items: [{ key: 'b', path: 'deep/b.txt', mode: 0o755 }] },
        },
      ],
    });
    const at = await mounted(pod, mounting({ name: 'all', mountPath: '/all' }, { name: 'some', mountPath: '/some' }));
    expect((await fs.readdir(at['/all']!)).filter((name) => !name.startsWith('..'))).toEqual(['a.conf', 'b', 'bin']);
    expect(await read(path.join(at['/all']!, 'a.conf'))).toBe('A');
    expect(await fs.readFile(path.join(at['/all']!, 'bin'))).toEqual(Buffer.from([1, 2]));
    expect(await read(path.join(at['/some']!, 'deep/b.txt'))).toBe('B');
    expect((await fs.stat(path.join(at['/some']!, 'deep/b.txt'))).mode & 0o777).toBe(0o755);
  });

  test('of a secret has its decoded values', async () => {
    objects.secrets.tls = { data: { key: Buffer.from('private').toString('base64') } };
    const pod = podWith({ volumes: [{ name: 's', secret: { secretName: 'tls', defaultMode: 0o400 } }] });
    const at = await mounted(pod, mounting({ name: 's', mountPath: '/tls' }));
    expect(await read(path.join(at['/tls']!, 'key'))).toBe('private');
    expect((await fs.stat(path.join(at['/tls']!, 'key'))).mode & 0o777).toBe(0o400);
  });

  test('of several sources has them all, the pod itself among them', async () => {
    objects.configMaps.conf = { data: { c: 'C' } };
    const sources = [
      { configMap: { name: 'conf' } },
      {
        downwardAPI: {
          items: [
            { path: 'labels', fieldRef: { fieldPath: 'metadata.labels' } },
            { path: 'cpu', resourceFieldRef: { containerName: 'main', resource: 'limits.cpu', divisor: '1m' } },
          ],
        },
      },
      { serviceAccountToken: { path: 'token', audience: 'vault' } },
    ];
    const pod = podWith(
      {
        containers: [{ name: 'main', resources: { limits: { cpu: '1500m' } } }],
        serviceAccountName: 'robot',
        volumes: [{ name: 'p', projected: { sources } }],
      },
      { labels: { b: '2', a: '1' } },
    );
    const at = await mounted(pod, mounting({ name: 'p', mountPath: '/p' }));
    const file = (name: string) => read(path.join(at['/p']!, name));
    expect(await file('c')).toBe('C');
    expect(await file('labels')).toBe('a="1"\nb="2"');
    expect(await file('cpu')).toBe('1500');
    expect(await file('token')).toBe('token of robot for vault');
  });

  test('changes all its files at once when its config map does', async () => {
    objects.configMaps.conf = { data: { a: '1', b: '1', old: 'x' } };
    const pod = podWith({ volumes: [{ name: 'v', configMap: { name: 'conf' } }] });
    const directory = (await mounted(pod, mounting({ name: 'v', mountPath: '/v' })))['/v']!;
    const before = await fs.readlink(path.join(directory, '..data'));
    await volumes.refresh(pod, facts);
    expect(await fs.readlink(path.join(directory, '..data'))).toBe(before);
    objects.configMaps.conf = { data: { a: '2', b: '2', fresh: 'y' } };
    await volumes.refresh(pod, facts);
    const names = (await fs.readdir(directory)).filter((name) => !name.startsWith('..'));
    expect(names).toEqual(['a', 'b', 'fresh']);
    // Every name is a link through the one that moved.
    for (const name of names) expect(await fs.readlink(path.join(directory, name))).toBe(`..data/${name}`);
    expect(await read(path.join(directory, 'b'))).toBe('2');
    expect((await fs.readdir(directory)).filter((name) => name.startsWith('..2'))).toHaveLength(1);
  });

  test('may be optional, and otherwise names what is missing', async () => {
    const pod = (optional: boolean) => podWith({ volumes: [{ name: 'v', configMap: { name: 'none', optional } }] });
    await expect(volumes.prepare(pod(false), facts)).rejects.toMatchObject({
      reason: 'FailedMount',
      message: 'MountVolume.SetUp failed for volume "v" : configmap "none" not found',
    });
    await expect(volumes.prepare(pod(true), facts)).resolves.toEqual([]);
  });

  test.each(['../../escape', '/etc/passwd', '..data'])('refuses the path %s for a file', async (name) => {
    objects.configMaps.conf = { data: { a: '1' } };
    const pod = podWith({ volumes: [{ name: 'v', configMap: { name: 'conf', items: [{ key: 'a', path: name }] } }] });
    await expect(volumes.prepare(pod, facts)).rejects.toThrow('must stay inside the volume');
  });

  test('that is empty is kept while the pod is there and removed with it', async () => {
    const pod = podWith({ volumes: [{ name: 'e', emptyDir: {} }] });
    const directory = (await mounted(pod, mounting({ name: 'e', mountPath: '/e' })))['/e']!;
    await fs.writeFile(path.join(directory, 'x'), 'kept');
    await volumes.prepare(pod, facts);
    expect(await read(path.join(directory, 'x'))).toBe('kept');
    expect((await fs.stat(directory)).mode & 0o777).toBe(0o777);
    await volumes.release('uid');
    await expect(fs.stat(directory)).rejects.toThrow('ENOENT');
  });

  test.runIf(asRoot)('that is empty can be in memory', async () => {
    const pod = podWith({ volumes: [{ name: 'm', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }] });
    const directory = (await mounted(pod, mounting({ name: 'm', mountPath: '/m' })))['/m']!;
    await volumes.prepare(pod, facts);
    const { type, blocks, bsize } = await fs.statfs(directory);
    expect(type).toBe(0x01021994); // TMPFS_MAGIC
    expect(blocks * bsize).toBe(1024 * 1024);
    await volumes.release('uid');
    await expect(fs.stat(directory)).rejects.toThrow('ENOENT');
  });

  test.each([
    ['Directory', false],
    ['DirectoryOrCreate', true],
    ['File', false],
    ['FileOrCreate', true],
    ['Socket', false],
    ['', true],
  ])('of the host with type %s and nothing there is made: %s', async (type, made) => {
    const hostPath = path.join(root, 'thing');
    const pod = podWith({ volumes: [{ name: 'h', hostPath: { path: hostPath, type } }] });
    if (made) expect(await mounted(pod, mounting({ name: 'h', mountPath: '/h' }))).toEqual({ '/h': hostPath });
    else await expect(volumes.prepare(pod, facts)).rejects.toMatchObject({ reason: 'FailedMount' });
  });

  test.each([
    ['Directory', 'a file'],
    ['DirectoryOrCreate', 'a file'],
    ['File', 'a directory'],
    ['FileOrCreate', 'a directory'],
    ['FileOrCreate', 'in no directory'],
  ])('of the host with type %s is not made of what is %s', async (type, what) => {
    const hostPath = path.join(root, what === 'in no directory' ? 'none/thing' : 'thing');
    if (what === 'a file') await fs.writeFile(hostPath, 'kept');
    if (what === 'a directory') await fs.mkdir(hostPath);
    const pod = podWith({ volumes: [{ name: 'h', hostPath: { path: hostPath, type } }] });
    await expect(volumes.prepare(pod, facts)).rejects.toMatchObject({ reason: 'FailedMount' });
    if (what === 'a file') expect(await read(hostPath)).toBe('kept');
  });

  test.runIf(asRoot)('P9 belongs to the group of the pod', async () => {
    objects.configMaps.conf = { data: { a: '1' } };
    const pod = podWith({
      securityContext: { fsGroup: 4711 },
      volumes: [
        { name: 'e', emptyDir: {} },
        { name: 'c', configMap: { name: 'conf', defaultMode: 0o600 } },
      ],
    });
    const at = await mounted(pod, mounting({ name: 'e', mountPath: '/e' }, { name: 'c', mountPath: '/c' }));
    const directory = await fs.stat(at['/e']!);
    expect([directory.gid, directory.mode & 0o2070]).toEqual([4711, 0o2070]);
    const file = await fs.stat(path.join(at['/c']!, 'a'));
    expect([file.gid, file.mode & 0o777]).toEqual([4711, 0o640]);
  });

  test('of a kind the node does not have is named', async () => {
    const pod = podWith({ volumes: [{ name: 'n', nfs: { server: 's', path: '/' } }] });
    await expect(volumes.prepare(pod, facts)).rejects.toThrow('volumes of type nfs are not supported by this node');
  });
});

describe('P6 subPath', () => {
  const pod = podWith({ volumes: [{ name: 'e', emptyDir: {} }] });

  test('is a directory inside the volume, made when it is missing, its name from the environment', async () => {
    const at = await mounted(
      pod,
      mounting(
        { name: 'e', mountPath: '/one', subPath: 'x/y' },
        { name: 'e', mountPath: '/two', subPathExpr: 'of-$(POD)' },
      ),
      { POD: 'redis-0' },
    );
    expect(at['/one']).toBe(path.join(root, 'pods/uid/volumes/e/x/y'));
    expect(at['/two']).toBe(path.join(root, 'pods/uid/volumes/e/of-redis-0'));
    expect((await fs.stat(at['/one']!)).isDirectory()).toBe(true);
  });

  test('is as open as its volume: programs that are not root write there', async () => {
    const at = await mounted(pod, mounting({ name: 'e', mountPath: '/one', subPath: 'x/y' }));
    for (const made of [at['/one']!, path.dirname(at['/one']!)]) expect((await fs.stat(made)).mode & 0o777).toBe(0o777);
  });

  test('of a config map is the file itself', async () => {
    objects.configMaps.conf = { data: { 'redis.conf': 'port 6379' } };
    const withFile = podWith({ volumes: [{ name: 'c', configMap: { name: 'conf' } }] });
    const at = await mounted(withFile, mounting({ name: 'c', mountPath: '/etc/redis.conf', subPath: 'redis.conf' }));
    expect(await read(at['/etc/redis.conf']!)).toBe('port 6379');
  });

  test('never leads out of the volume', async () => {
    const { '/e': directory } = await mounted(pod, mounting({ name: 'e', mountPath: '/e' }));
    await fs.symlink('/etc', path.join(directory!, 'link'));
    for (const subPath of ['../other', '/etc', 'a/../../b', 'link', 'link/deep']) {
      const wanted = mounted(pod, mounting({ name: 'e', mountPath: '/x', subPath }));
      await expect(wanted, subPath).rejects.toThrow('must stay inside the volume');
    }
  });
});

describe('a claim', () => {
  const claimed = podWith(
    { volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-0' } }] },
    {
      name: 'db-0',
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'db', uid: 's', controller: true }],
    },
  );
  const bound = (accessModes = ['ReadWriteOnce']) => ({
    spec: { volumeName: 'pv', accessModes },
    status: { phase: 'Bound' },
  });
  const onNode = (name: string) => ({
    nodeAffinity: {
      required: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] }],
      },
    },
  });

  test('M5 of a set has a lock, named after its volume', async () => {
    objects.claims['data-db-0'] = bound();
    objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'uid-data-db-0' }, ...onNode('node-0') };
    expect(await volumes.prepare(claimed, facts)).toEqual([
      { id: 'volume-uid-pv', description: 'claim default/data-db-0' },
    ]);
    expect(await volumes.mounts(claimed, mounting({ name: 'data', mountPath: '/data' }), {}, facts)).toEqual([
      { hostPath: root, mountPath: '/data', readOnly: false },
    ]);
  });

  test('M5 of a set that has gone without its pods has its lock too', async () => {
    const labels = { 'statefulset.kubernetes.io/pod-name': 'db-0' };
    objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'uid-data-db-0' } };
    objects.claims['data-db-0'] = bound();
    expect(await volumes.prepare(podWith(claimed.spec, { name: 'db-0', labels }), facts)).toHaveLength(1);
    expect(await volumes.prepare(podWith(claimed.spec, { name: 'db-1', labels }), facts)).toEqual([]);
  });

  test('M5 for one pod only has a lock whoever mounts it; any other has none', async () => {
    const stranger = podWith(claimed.spec, { name: 'debug' });
    objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'uid-data-db-0' } };
    objects.claims['data-db-0'] = bound();
    expect(await volumes.prepare(stranger, facts)).toEqual([]);
    objects.claims['data-db-0'] = bound(['ReadWriteOncePod']);
    expect(await volumes.prepare(stranger, facts)).toHaveLength(1);
  });

  test.each([
    ['there is none', () => {}, 'persistentvolumeclaim "data-db-0" not found'],
    [
      'it is not bound',
      () => {
        objects.claims['data-db-0'] = { spec: {}, status: { phase: 'Pending' } };
      },
      'is not bound',
    ],
    [
      'its volume is for another claim',
      () => {
        objects.claims['data-db-0'] = bound();
        objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'other' } };
      },
      'is bound to another claim',
    ],
    [
      'its volume is on another node',
      () => {
        objects.claims['data-db-0'] = bound();
        objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'uid-data-db-0' }, ...onNode('node-1') };
      },
      'is not on node node-0',
    ],
    [
      'C2 its directory has vanished',
      () => {
        objects.claims['data-db-0'] = bound();
        objects.volumes.pv = { local: { path: '/vanished' }, claimRef: { uid: 'uid-data-db-0' } };
      },
      'path /vanished does not exist',
    ],
  ])('holds the pod back when %s', async (_why, arrange, message) => {
    arrange();
    await expect(volumes.prepare(claimed, facts)).rejects.toThrow(message);
  });
});

test('C5 a claim that is being deleted takes no new pod, and keeps the one it has', async () => {
  const pod = podWith({ volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'going' } }] });
  const claim = { spec: { volumeName: 'pv' }, status: { phase: 'Bound' } };
  objects.claims.going = claim;
  objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'uid-going' } };
  const deletionTimestamp = '2026-01-01T00:00:00Z';
  const metadata = { ...podWith({}).metadata, name: 'going', uid: 'uid-going', deletionTimestamp };
  objects.claims.going = Object.assign(claim, { metadata });
  await expect(volumes.prepare(pod, facts)).rejects.toThrow('is being deleted');
  // As an agent that was started again while the pod runs asks.
  expect(await volumes.mounts(pod, mounting({ name: 'data', mountPath: '/d' }), {}, facts)).toHaveLength(1);
});

test('a volume that a pod describes is its own only', async () => {
  const described = { volumeClaimTemplate: { spec: {} } };
  const pod = podWith({ volumes: [{ name: 'scratch', ephemeral: described }] });
  objects.claims['a-scratch'] = { spec: { volumeName: 'pv' }, status: { phase: 'Bound' } };
  objects.volumes.pv = { local: { path: root }, claimRef: { uid: 'uid-a-scratch' } };
  await expect(volumes.prepare(pod, facts)).rejects.toThrow('was not made for this pod');
});

test('M3 what an agent that was killed left of unknown pods is removed, and nothing else', async () => {
  for (const uid of ['known', 'unknown']) await fs.mkdir(path.join(root, 'pods', uid, 'volumes'), { recursive: true });
  await volumes.sweep((uid) => uid === 'known');
  expect(await fs.readdir(path.join(root, 'pods'))).toEqual(['known']);
});
