import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import type { Subject } from '../../src/api/generated/types.ts';
import { ClusterRoleBindings, Nodes, Pods } from '../../src/api/kinds.ts';
import { processIdentity } from '../../src/cluster/process-identity.ts';
import { example, TestBerth, until, untilSettled } from './support.ts';

const BOATS = `
apiVersion: example.com/v1
kind: Boat
metadata: {name: ada, labels: {flag: own}}
spec: {crew: 3}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: boats.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {kind: Boat, plural: boats, singular: boat, shortNames: [bt]}
  versions:
    - name: v1
      served: true
      storage: true
      subresources: {scale: {specReplicasPath: .spec.crew, statusReplicasPath: .status.crew}}
      additionalPrinterColumns: [{name: Crew, type: integer, jsonPath: .spec.crew}]
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec: {type: object, properties: {crew: {type: integer}}}
            status: {type: object, properties: {crew: {type: integer}}}
`;

describe('the command line, on the simulated runtime', () => {
  const berth = new TestBerth('cli');
  afterAll(() => berth.close());

  test('up --detach returns when everything is ready, wherever the manifests come from', async () => {
    const { code, stdout } = await berth.fed(
      fs.readFileSync(example('kv.yaml'), 'utf8'),
      'up',
      '--detach',
      '--runtime',
      'simulated',
      '--api-port',
      '0',
      '--dns-port',
      '0',
      '-f',
      '-',
    );
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/Everything is ready/) });
    await untilSettled(berth.client(), 'kv', 3);
  });

  test('status -o json tells all addresses and the process id', async () => {
    const status = await berth.status();
    expect(() => process.kill(status.pid, 0)).not.toThrow();
    expect(status.apiServer).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    expect(status.dns).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(fs.statSync(status.kubeconfig).mode & 0o777).toBe(0o600);
    expect(fs.statSync(berth.dataDir).mode & 0o777).toBe(0o700);
  });

  test('get shows tables, names, JSON and YAML', async () => {
    expect(await berth.ok('get', 'pods')).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE\nkv-0 +1\/1 +Running +0 +\S+\nkv-1 [\s\S]*kv-2 /,
    );
    expect(await berth.ok('get', 'pods', '-o', 'wide')).toMatch(/NODE/);
    expect(await berth.ok('get', 'sts,pvc', '-o', 'name')).toBe(
      'statefulset.apps/kv\npersistentvolumeclaim/data-kv-0\npersistentvolumeclaim/data-kv-1\npersistentvolumeclaim/data-kv-2\n',
    );
    expect(JSON.parse(await berth.ok('get', 'statefulset', 'kv', '-o', 'json'))).toMatchObject({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      status: { readyReplicas: 3 },
    });
    expect(await berth.ok('get', 'service/kv', '-o', 'yaml')).toMatch(/^apiVersion: v1\nkind: Service\n/);
    expect(await berth.ok('get', 'pods', '-A')).toMatch(/^NAMESPACE +NAME/);
    expect((await berth.run('get', 'deployments')).stderr).toMatch(/No resources found in default namespace/);
  });

  test('describe tells members and events', async () => {
    const said = await berth.ok('describe', 'statefulset/kv');
    expect(said).toMatch(/Replicas: +3 desired, 3 there, 3 ready, 3 updated/);
    expect(said).toMatch(/kv-2 +ready +node-0/);
    expect(said).toMatch(/SuccessfulCreate/);
  });

  test('apply tells what it did', async () => {
    expect(await berth.ok('apply', '-f', example('kv.yaml'))).toBe(
      'service/kv unchanged\nstatefulset.apps/kv unchanged\nconfigmap/kv-server unchanged\n',
    );
    const file = path.join(berth.dataDir, 'four.yaml');
    fs.writeFileSync(file, fs.readFileSync(example('kv.yaml'), 'utf8').replace('replicas: 3', 'replicas: 4'));
    expect(await berth.ok('apply', '-f', file, '--dry-run')).toMatch(/statefulset.apps\/kv configured \(dry run\)/);
    expect(await berth.ok('apply', '-f', file)).toMatch(/statefulset.apps\/kv configured/);
    await untilSettled(berth.client(), 'kv', 4);
  });

  test('dns answers short and full names', async () => {
    const [pod] = await until(berth.client(), Pods, (pods) => pods.length === 4, 'four pods');
    expect(await berth.ok('dns', 'kv-0.kv')).toBe(`kv-0.kv.default.svc.cluster.local   A   ${pod?.status?.podIP}\n`);
    expect(JSON.parse(await berth.ok('dns', 'kv.default.svc.cluster.local', 'SRV', '-o', 'json')).answers).toHaveLength(
      4,
    );
  });

  test('kubeconfig prints the credentials that kubectl takes', async () => {
    const file = path.join(berth.dataDir, 'copy.yaml');
    fs.writeFileSync(file, await berth.ok('kubeconfig'), { mode: 0o600 });
    expect((await berth.kubectl('--kubeconfig', file, 'get', 'nodes')).stdout).toMatch(/node-0 +Ready/);
    expect(await berth.ok('kubeconfig', '--path')).toBe(`${berth.dataDir}/kubeconfig\n`);
  });

  test('kubeconfig for a user, or a service account, has the rights they are given', async () => {
    const canList = async (...args: string[]): Promise<boolean> => {
      const file = path.join(berth.dataDir, 'somebody.yaml');
      fs.writeFileSync(file, await berth.ok('kubeconfig', ...args), { mode: 0o600 });
      const { code, stderr } = await berth.kubectl('--kubeconfig', file, 'get', 'statefulsets');
      expect(stderr).toMatch(code === 0 ? /^$/ : /Forbidden.*cannot list resource/);
      return code === 0;
    };
    const grant = (name: string, subject: object) =>
      berth.client().create(ClusterRoleBindings, {
        metadata: { name },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'view' },
        subjects: [subject as Subject],
      });
    expect(await canList('--user', 'jane', '--group', 'crew')).toBe(false);
    expect(await canList('--service-account', 'default')).toBe(false);
    await grant('crew', { apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'crew' });
    await grant('default', { kind: 'ServiceAccount', name: 'default', namespace: 'default' });
    expect(await canList('--user', 'jane', '--group', 'crew')).toBe(true);
    expect(await canList('--service-account', 'default')).toBe(true);
  });

  test('apply, get, scale, describe and delete know the kinds that definitions make', async () => {
    const file = path.join(berth.dataDir, 'boats.yaml');
    fs.writeFileSync(file, BOATS);
    expect(await berth.ok('apply', '-f', file, '--dry-run')).toContain('boat.example.com/ada created (dry run)');
    // The kind first, wherever it stands.
    expect(await berth.ok('apply', '-f', file)).toBe(
      'customresourcedefinition.apiextensions.k8s.io/boats.example.com created\nboat.example.com/ada created\n',
    );
    for (const word of ['boats', 'Boat', 'bt', 'boats.example.com', 'boats.v1.example.com']) {
      expect(await berth.ok('get', word, '-o', 'name')).toBe('boat.example.com/ada\n');
    }
    expect(await berth.ok('get', 'boats')).toMatch(/NAME +CREW\nada +3\n/);
    expect(await berth.ok('scale', 'boat/ada', '--replicas', '5')).toBe('boat.example.com/ada scaled\n');
    expect(await berth.ok('describe', 'boat', 'ada')).toMatch(/crew: 5/);
    expect(await berth.ok('delete', 'boats', '-l', 'flag=other')).toBe('');
    expect(await berth.ok('delete', '-f', file)).toBe(
      'boat.example.com/ada deleted\ncustomresourcedefinition.apiextensions.k8s.io/boats.example.com deleted\n',
    );
    expect((await berth.run('get', 'boats')).stderr).toContain('no resource type "boats"');
  });

  test('get --watch shows what changes', async () => {
    const before = await berth.client().get(Pods, { namespace: 'default', name: 'kv-3' });
    expect(before.metadata.name).toBe('kv-3');
    await berth.ok('delete', 'pod/kv-3');
    await untilSettled(berth.client(), 'kv', 4);
    const after = await berth.client().get(Pods, { namespace: 'default', name: 'kv-3' });
    expect(after.metadata.uid).not.toBe(before.metadata.uid);
  });

  test('down ends it, and everything stays stored', async () => {
    const { pid } = await berth.status();
    await berth.ok('down');
    expect(processIdentity(pid)).toBeUndefined();
    expect((await berth.run('status')).code).toBe(3);
    await berth.ok('up', '--detach', '--runtime', 'simulated', '--api-port', '0', '--dns-port', '0');
    await untilSettled(berth.client(), 'kv', 4);
  });
});

describe('up --nodes', () => {
  test('0 runs the control plane alone: pods stay pending', async () => {
    const berth = new TestBerth('nodes0');
    try {
      await berth.up('--nodes', '0', '-f', example('kv.yaml'));
      const [pod] = await until(berth.client(), Pods, (pods) => pods.length === 1, 'kv-0 exists');
      expect(pod?.spec.nodeName).toBeUndefined();
      expect((await berth.client().list(Nodes)).items).toEqual([]);
    } finally {
      await berth.close();
    }
  });

  test.runIf(process.platform === 'linux')(
    '--api-address says where the API is, and its certificate is for it',
    async () => {
      const berth = new TestBerth('address');
      try {
        await berth.up('--nodes', '0', '--api-address', '127.0.0.2');
        expect((await berth.status()).apiServer).toMatch(/^https:\/\/127\.0\.0\.2:\d+$/);
        expect(await berth.ok('get', 'endpoints', 'kubernetes')).toMatch(/kubernetes +127\.0\.0\.2:\d+/);
        const wrong = await berth.run('up', '--data-dir', `${berth.dataDir}/other`, '--api-address', '203.0.113.1');
        expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('no address 203.0.113.1') });
      } finally {
        await berth.close();
      }
    },
  );

  test('up --detach says what is not ready and why, and goes on running', async () => {
    const berth = new TestBerth('late');
    try {
      const file = path.join(berth.dataDir, 'picky.yaml');
      fs.writeFileSync(
        file,
        fs
          .readFileSync(example('kv.yaml'), 'utf8')
          .replace('      terminationGracePeriodSeconds: 10\n', '      nodeSelector: { disk: ssd }\n'),
      );
      const finished = await berth.run(
        'up',
        '--detach',
        '--timeout',
        '8s',
        '--runtime',
        'simulated',
        '--api-port',
        '0',
        '--dns-port',
        '0',
        '-f',
        file,
      );
      expect(finished.code).toBe(1);
      expect(finished.stderr).toMatch(
        /not ready after 8 s:\n +statefulset.apps\/kv: 0 of 3 members are ready: .*kv-0.*node/,
      );
      expect((await berth.run('status')).code).toBe(0);
    } finally {
      await berth.close();
    }
  });
});
