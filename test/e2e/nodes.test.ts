import fs from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Pod } from '../../src/api/generated/types.ts';
import { Nodes, Pods } from '../../src/api/kinds.ts';
import { nodeReadiness } from '../../src/api/taints.ts';
import { isReady } from '../../src/cli/view/members.ts';
import type { Client } from '../../src/client/client.ts';
import { example, kv, TestBerth, until, untilSettled, untilWaiting } from './support.ts';

const root = process.getuid?.() === 0 && process.platform === 'linux';
if (!root) console.warn('SKIPPED: several nodes on real processes need Linux and root');

/** As short as a renewal four times in it allows on a slow machine. */
const GRACE = '4s';

/** One member on each node. */
function apart(manifest: string): string {
  const rule = `      affinity:
        podAntiAffinity:
          requiredDuringSchedulingIgnoredDuringExecution:
            - { topologyKey: kubernetes.io/hostname, labelSelector: { matchLabels: { app: kv } } }
`;
  const place = '      terminationGracePeriodSeconds: 10\n';
  expect(manifest).toContain(place);
  return manifest.replace(place, place.replace('10', '2') + rule);
}

/** The processes of exactly this pod: on another node there may be one of its name. */
function running(berth: TestBerth, { metadata, status }: Pod): readonly number[] {
  return berth.processesOf(metadata.name, 'server.mjs').filter((pid) => {
    const environment = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return environment.includes(`POD_IP=${status?.podIP}`);
  });
}

/** Without a volume: it may run anywhere. */
const ROAMING = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: roam }
spec:
  serviceName: roam
  selector: { matchLabels: { app: roam } }
  template:
    metadata: { labels: { app: roam } }
    spec:
      terminationGracePeriodSeconds: 1
      nodeSelector: { roam: "yes" }
      containers: [{ name: main, image: node:20, command: [sleep, "1000000"] }]
`;

describe.runIf(root)('three nodes on one machine', () => {
  const berth = new TestBerth('nodes');
  let client: Client;
  let home = new Map<string, string>();

  const get = (name: string): Promise<Pod> => client.get(Pods, { namespace: 'default', name });
  const untilNode = (name: string, readiness: 'True' | 'Unknown') =>
    until(
      client,
      Nodes,
      (nodes) => nodes.some((node) => node.metadata.name === name && nodeReadiness(node) === readiness),
      `${name} is ${readiness}`,
    );
  const untilPod = (name: string, wanted: (pod: Pod) => boolean, what: string) =>
    until(client, Pods, (pods) => pods.some((pod) => pod.metadata.name === name && wanted(pod)), `${name} ${what}`);
  const onNode = (node: string): string => [...home].find(([, name]) => name === node)?.[0] ?? '';

  beforeAll(async () => {
    const manifest = path.join(berth.dataDir, 'kv.yaml');
    fs.writeFileSync(manifest, apart(fs.readFileSync(example('kv.yaml'), 'utf8')));
    await berth.up('--nodes', '3', '--node-monitor-grace-period', GRACE, '-f', manifest);
    client = berth.client();
    await untilSettled(client, 'kv', 3);
    const { items } = await client.list(Pods, { namespace: 'default' });
    home = new Map(items.map(({ metadata, spec }) => [metadata.name, spec.nodeName ?? '']));
  });
  afterAll(() => berth.close());

  test('each member is on a node of its own, and finds the others by their names', async () => {
    expect([...home.values()].sort()).toEqual(['node-0', 'node-1', 'node-2']);
    const { podIP = '' } = (await get('kv-2')).status ?? {};
    // Any member takes a write, and asks the leader on another node; the third copies it.
    expect((await kv(podIP, 'PUT', '/colour', 'blue')).status).toBeLessThan(300);
    const { podIP: third = '' } = (await get('kv-1')).status ?? {};
    await expect
      .poll(async () => (await kv(third, 'GET', '/colour')).body)
      .toMatchObject({
        value: 'blue',
      });
  });

  test('M6 a node out of contact: its pod runs on, counts as not ready and is not replaced; back again nothing restarts', async () => {
    const name = onNode('node-1');
    const before = await get(name);
    const processes = running(berth, before);
    expect(processes).toHaveLength(1);
    await berth.ok('node', 'stop', 'node-1');
    await untilNode('node-1', 'Unknown');
    await untilPod(name, (pod) => !isReady(pod), 'is not ready');
    expect(await untilWaiting(client, 'kv', new RegExp(`node-1.*${name}`))).toMatch(/has not been heard of since/);
    expect(await berth.ok('why', 'statefulset/kv')).toMatch(/node-1/);
    expect((await get(name)).metadata.uid).toBe(before.metadata.uid);
    expect(running(berth, before)).toEqual(processes);

    await berth.ok('node', 'start', 'node-1');
    await untilSettled(client, 'kv', 3);
    const after = await get(name);
    expect(after.metadata.uid).toBe(before.metadata.uid);
    expect(after.status?.containerStatuses?.[0]?.restartCount).toBe(0);
    expect(running(berth, before)).toEqual(processes);
    expect(nodeReadiness(await client.get(Nodes, { name: 'node-1' }))).toBe('True');
  });

  test('M6 a lost node that is deleted: what is bound to no volume of it is replaced elsewhere, the rest waits for it', async () => {
    const file = path.join(berth.dataDir, 'roam.yaml');
    fs.writeFileSync(file, ROAMING);
    await berth.kubectl('label', 'node', 'node-2', 'roam=yes');
    await berth.ok('apply', '-f', file);
    await untilSettled(client, 'roam', 1);
    await berth.kubectl('label', 'node', 'node-0', 'roam=yes');
    const [roam, member] = [await get('roam-0'), onNode('node-2')];
    expect(roam.spec.nodeName).toBe('node-2');
    const bound = await get(member);

    await berth.ok('node', 'stop', 'node-2');
    await untilNode('node-2', 'Unknown');
    await untilPod('roam-0', (pod) => !isReady(pod), 'is not ready');
    expect((await get('roam-0')).metadata.uid).toBe(roam.metadata.uid);

    expect((await berth.kubectl('delete', 'node', 'node-2')).code).toBe(0);
    await untilPod(
      'roam-0',
      (pod) => isReady(pod) && pod.spec.nodeName === 'node-0' && pod.metadata.uid !== roam.metadata.uid,
      'runs on node-0',
    );
    // Its volume is on the node that is gone.
    await untilPod(
      member,
      (pod) => pod.metadata.uid !== bound.metadata.uid && pod.status?.phase === 'Pending' && !pod.spec.nodeName,
      'is made again and waits',
    );

    // The node comes back under its name, with its volumes: the member is there again, with its data.
    await berth.ok('node', 'start', 'node-2');
    await untilSettled(client, 'kv', 3);
    const { podIP = '' } = (await get(member)).status ?? {};
    expect((await kv(podIP, 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
    // What ran there in the meantime without being wanted has been ended.
    expect(running(berth, bound)).toEqual([]);
    expect(running(berth, await get(member))).toHaveLength(1);
  });

  test('M6 a lost node that is declared out of service: a pod that is being deleted is let go, and replaced', async () => {
    const before = await get('roam-0');
    await berth.kubectl('label', 'node', 'node-1', 'roam=yes');
    await berth.ok('node', 'stop', 'node-0');
    await untilNode('node-0', 'Unknown');
    await berth.kubectl('delete', 'pod', 'roam-0', '--wait=false');
    await untilPod('roam-0', ({ metadata }) => metadata.deletionTimestamp !== undefined, 'is ending');
    expect((await get('roam-0')).metadata.uid).toBe(before.metadata.uid);
    await berth.kubectl('taint', 'node', 'node-0', 'node.kubernetes.io/out-of-service=gone:NoExecute');
    await untilPod('roam-0', (pod) => pod.metadata.uid !== before.metadata.uid && isReady(pod), 'is replaced');
    expect((await get('roam-0')).spec.nodeName).toBe('node-1');
    await berth.kubectl('taint', 'node', 'node-0', 'node.kubernetes.io/out-of-service-');
    await berth.ok('node', 'start', 'node-0');
    await untilNode('node-0', 'True');
    await untilSettled(client, 'kv', 3);
  });

  test('cordon, drain and uncordon: the member waits for its node and comes back to it', async () => {
    const name = onNode('node-2');
    const drained = await berth.kubectl('drain', 'node-2', '--ignore-daemonsets', '--timeout=30s');
    expect(drained.stdout).toContain('node/node-2 drained');
    await untilPod(name, (pod) => pod.status?.phase === 'Pending' && !pod.spec.nodeName, 'waits');
    expect((await berth.kubectl('uncordon', 'node-2')).code).toBe(0);
    await untilSettled(client, 'kv', 3);
    expect((await get(name)).spec.nodeName).toBe('node-2');
  });

  test('a node that is not there, or is as asked for already, is said plainly', async () => {
    const wrong = await berth.run('node', 'stop', 'node-7');
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('there is no node node-7 here') });
    expect(wrong.stderr).toContain('node-0, node-1, node-2');
    expect(await berth.ok('node', 'start', 'node-0')).toContain('is there already');
  });
});
