import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Cluster, startCluster } from '../../src/cluster/cluster.ts';
import { Kubectl, kubectls } from './kubectl.ts';

const setYaml = (image: string): string => `
apiVersion: v1
kind: Service
metadata: {name: db}
spec: {clusterIP: None, selector: {app: db}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  serviceName: db
  replicas: 3
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: main, image: "${image}"}]
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
`;

describe.each(kubectls)('kubectl $version on a whole cluster', ({ path: program, minor }) => {
  let directory: string;
  let cluster: Cluster;
  let kubectl: Kubectl;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'berth-conformance-'));
    cluster = await startCluster({
      dataDir: path.join(directory, 'data'),
      runtime: 'simulated',
      isolation: 'auto',
      nodes: 2,
      apiPort: 0,
      dnsPort: 0,
      version: 'test',
    });
    kubectl = new Kubectl(cluster.status.kubeconfig, directory, program);
  });
  afterAll(async () => {
    await cluster.stop({ pods: 'end' });
    await rm(directory, { recursive: true });
  });

  const images = () => kubectl.ok('get pods -l app=db -o jsonpath={.items[*].spec.containers[0].image}');

  /** Old ones take it for an error when there is nothing to wait for. */
  const gone = async (what: string): Promise<void> => {
    const { code, stderr } = await kubectl.run(['wait', '--for=delete', '--timeout=25s', ...what.split(' ')]);
    if (code !== 0) expect(stderr).toContain('no matching resources found');
  };

  test('U6 apply, rollout status, history, undo and restart', async () => {
    await kubectl.ok('apply -f -', setYaml('demo:1'));
    expect(await kubectl.ok('rollout status sts/db --timeout=25s')).toContain(
      'partitioned roll out complete: 3 new pods',
    );
    expect(await images()).toBe('demo:1 demo:1 demo:1');
    expect(await kubectl.ok('apply -f -', setYaml('demo:2'))).toContain('statefulset.apps/db configured');
    await kubectl.ok('rollout status sts/db --timeout=25s');
    expect(await images()).toBe('demo:2 demo:2 demo:2');
    expect(await kubectl.ok('rollout history sts/db')).toMatch(/REVISION.*\n1 .*\n2 /);
    expect(await kubectl.ok('rollout history sts/db --revision=1')).toContain('demo:1');
    expect(await kubectl.ok('rollout undo sts/db')).toContain('rolled back');
    await kubectl.ok('rollout status sts/db --timeout=25s');
    expect(await images()).toBe('demo:1 demo:1 demo:1');
    await kubectl.ok('rollout restart sts/db');
    await kubectl.ok('rollout status sts/db --timeout=25s');
    const set = JSON.parse(await kubectl.ok('get --raw /apis/apps/v1/namespaces/default/statefulsets/db'));
    const managers = set.metadata.managedFields.map(
      (entry: { manager: string; subresource?: string }) => `${entry.manager} ${entry.subresource ?? ''}`,
    );
    expect(managers).toContain('kube-controller-manager status');
    expect(await kubectl.ok('get sts,pods,pvc,pv')).toMatch(
      /statefulset\.apps\/db +3\/3[\s\S]*persistentvolumeclaim\/data-db-2 +Bound/,
    );
  });

  test('S5 scale down and up again', async () => {
    await kubectl.ok('scale sts/db --replicas=1');
    await gone('pod/db-1');
    expect(await kubectl.ok('get pods -l app=db -o name')).toBe('pod/db-0\n');
    expect((await kubectl.ok('get pvc -o name')).split('\n')).toHaveLength(4);
    await kubectl.ok('scale sts/db --replicas=3');
    await kubectl.ok('rollout status sts/db --timeout=25s');
  });

  test('cordon, drain, uncordon', async () => {
    const node = (await kubectl.ok('get pod db-0 -o jsonpath={.spec.nodeName}')).trim();
    expect(await kubectl.ok(`cordon ${node}`)).toBe(`node/${node} cordoned\n`);
    expect(await kubectl.ok('get nodes')).toContain('Ready,SchedulingDisabled');
    expect(await kubectl.ok(`drain ${node} --ignore-daemonsets --delete-emptydir-data --timeout=25s`)).toContain(
      'evicted',
    );
    expect(await kubectl.ok(`uncordon ${node}`)).toBe(`node/${node} uncordoned\n`);
    await kubectl.ok('rollout status sts/db --timeout=25s');
  });

  test('describe tells what happened', async () => {
    expect(await kubectl.ok('describe sts db')).toMatch(/Pods Status: +3 Running/);
    expect(await kubectl.ok('describe pod db-0')).toContain('Events:');
    if (minor >= 26) expect(await kubectl.ok('events --for sts/db')).toContain('SuccessfulCreate');
  });

  test('metrics have the queues of the controllers', async () => {
    const text = await kubectl.ok('get --raw /metrics');
    expect(text).toMatch(/^workqueue_depth\{name="statefulset"\} \d+$/m);
    expect(text).toMatch(/^workqueue_adds_total\{name="statefulset"\} [1-9]/m);
    expect(text).toMatch(/^workqueue_work_duration_seconds_count\{name="scheduler"\} [1-9]/m);
  });

  test('C2 delete leaves the claims', async () => {
    await kubectl.ok('delete sts/db --timeout=25s');
    await gone('pod -l app=db');
    expect((await kubectl.ok('get pvc -o name')).split('\n')).toHaveLength(4);
    await kubectl.ok('delete pvc --all --timeout=25s');
    expect(await kubectl.ok('get pvc -o name')).toBe('');
  });
});
