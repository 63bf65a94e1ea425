import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CustomObjectsApi, KubeConfig, makeInformer } from 'client-node-1';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Cluster, startCluster } from '../../src/cluster/cluster.ts';
import { Kubectl, recentKubectl } from './kubectl.ts';

const definition = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: databases.db.example.com}
spec:
  group: db.example.com
  scope: Namespaced
  names: {plural: databases, singular: database, kind: Database, shortNames: [dbs], categories: [all]}
  versions:
    - name: v1beta1
      served: true
      storage: false
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
    - name: v1
      served: true
      storage: true
      subresources:
        status: {}
        scale: {specReplicasPath: .spec.replicas, statusReplicasPath: .status.replicas, labelSelectorPath: .status.selector}
      additionalPrinterColumns:
        - {name: Engine, type: string, jsonPath: .spec.engine}
        - {name: Replicas, type: integer, jsonPath: .spec.replicas}
        - {name: Ready, type: string, jsonPath: '.status.conditions[?(@.type=="Ready")].status', priority: 1}
        - {name: Age, type: date, jsonPath: .metadata.creationTimestamp}
      schema:
        openAPIV3Schema:
          type: object
          description: A database with its members.
          required: [spec]
          properties:
            spec:
              type: object
              description: What the database should be.
              required: [engine]
              properties:
                engine: {type: string, enum: [redis, postgres], description: Which program serves it.}
                replicas: {type: integer, minimum: 0, default: 1, description: How many members it has.}
                port: {x-kubernetes-int-or-string: true}
            status: {type: object, x-kubernetes-preserve-unknown-fields: true}
`;

const database = (name: string, spec: string, metadata = ''): string => `
apiVersion: db.example.com/v1
kind: Database
metadata: {name: ${name}${metadata}}
spec: ${spec}
`;

describe.skipIf(recentKubectl === undefined)('custom resources with kubectl', () => {
  let directory: string;
  let cluster: Cluster;
  let kubectl: Kubectl;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'berth-custom-'));
    cluster = await startCluster({
      dataDir: path.join(directory, 'data'),
      runtime: 'simulated',
      isolation: 'auto',
      nodes: 1,
      apiPort: 0,
      dnsPort: 0,
      version: 'test',
    });
    kubectl = new Kubectl(cluster.status.kubeconfig, directory);
    await kubectl.ok('apply -f -', definition);
    await kubectl.ok('wait --for=condition=Established crd/databases.db.example.com --timeout=10s');
  });
  afterAll(async () => {
    await cluster.stop({ pods: 'end' });
    await rm(directory, { recursive: true });
  });

  test('are discovered, with short names and categories', async () => {
    expect(await kubectl.ok('api-resources --api-group=db.example.com --no-headers')).toMatch(
      /^databases +dbs +db\.example\.com\/v1 +true +Database\s*$/,
    );
    expect(await kubectl.ok('api-versions')).toContain('db.example.com/v1beta1');
  });

  test('are created, shown in their columns, applied, scaled, patched and deleted', async () => {
    expect(await kubectl.ok('create -f -', database('main', '{engine: redis, port: http}'))).toContain('created');
    expect(await kubectl.ok('get dbs')).toMatch(/NAME +ENGINE +REPLICAS +AGE\nmain +redis +1 +\d+s/);
    expect(await kubectl.ok('get all')).toContain('database.db.example.com/main');
    expect(await kubectl.ok('apply -f -', database('main', '{engine: redis, replicas: 2}'))).toContain('configured');
    expect(await kubectl.ok('apply -f -', database('main', '{engine: redis, replicas: 2}'))).toContain('unchanged');
    expect(await kubectl.ok('scale database/main --replicas=4')).toContain('scaled');
    expect(await kubectl.ok('get database main -o jsonpath={.spec.replicas}')).toBe('4');
    const status = '{"status":{"replicas":4,"conditions":[{"type":"Ready","status":"True"}]}}';
    await kubectl.ok(`patch database main --subresource=status --type=merge -p ${status}`);
    expect(await kubectl.ok('get dbs -o wide')).toMatch(/READY +AGE\nmain +redis +4 +True/);
    expect(await kubectl.ok('apply --server-side -f -', database('other', '{engine: postgres}'))).toContain(
      'serverside-applied',
    );
    await kubectl.ok('wait --for=jsonpath={.spec.engine}=postgres database/other --timeout=5s');
    expect(await kubectl.ok('get databases.v1beta1.db.example.com other -o jsonpath={.apiVersion}')).toBe(
      'db.example.com/v1beta1',
    );
    await kubectl.ok('delete database main other');
    expect(await kubectl.ok('get dbs')).toBe('');
  });

  test('that break their schema are refused, and so are unknown fields', async () => {
    expect(await kubectl.fails('apply -f -', database('wrong', '{engine: oracle}'))).toContain(
      'spec.engine: Unsupported value: "oracle": supported values: "redis", "postgres"',
    );
    expect(await kubectl.fails('create -f -', database('wrong', '{engine: redis, colour: red}'))).toContain(
      'unknown field "spec.colour"',
    );
    expect(await kubectl.fails('create --validate=false -f -', database('wrong', '{replicas: 1}'))).toContain(
      'spec.engine: Required value',
    );
    await kubectl.ok('apply -f -', database('fine', '{engine: redis}'));
    expect(await kubectl.fails('patch database fine --type=strategic -p {"spec":{"replicas":2}}')).toMatch(
      /strategic merge patch is not supported|UnsupportedMediaType/,
    );
    await kubectl.ok('delete database fine');
  });

  test('are explained', async () => {
    const text = await kubectl.ok('explain database.spec');
    expect(text).toContain('What the database should be.');
    expect(text).toMatch(/engine\t<string>/);
    expect(await kubectl.ok('explain database.metadata.labels')).toContain('Map of string keys and values');
  });

  test('own and are owned, and end with their namespace', async () => {
    await kubectl.ok('create namespace team');
    await kubectl.ok('apply -n team -f -', database('owner', '{engine: redis}'));
    const uid = await kubectl.ok('get -n team database owner -o jsonpath={.metadata.uid}');
    const owner = `, ownerReferences: [{apiVersion: db.example.com/v1, kind: Database, name: owner, uid: ${uid}}]`;
    await kubectl.ok('apply -n team -f -', database('owned', '{engine: redis}', owner));
    const owned = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: owned${owner}}\n`;
    await kubectl.ok('apply -n team -f -', owned);
    await kubectl.ok('delete -n team database owner');
    await kubectl.ok('wait -n team --for=delete database/owned configmap/owned --timeout=10s');
    await kubectl.ok('apply -n team -f -', database('last', '{engine: redis}'));
    await kubectl.ok('delete namespace team --timeout=10s');
    expect(await kubectl.ok('get dbs -A')).toBe('');
  });

  test('are known to the official client', async () => {
    const config = new KubeConfig();
    config.loadFromFile(cluster.status.kubeconfig);
    const api = config.makeApiClient(CustomObjectsApi);
    const at = { group: 'db.example.com', version: 'v1', namespace: 'default', plural: 'databases' };
    const informer = makeInformer(config, '/apis/db.example.com/v1/namespaces/default/databases', async () =>
      api.listNamespacedCustomObject(at),
    );
    const seen = new Promise<unknown>((resolve) => informer.on('add', resolve));
    await informer.start();
    await api.createNamespacedCustomObject({
      ...at,
      body: {
        apiVersion: 'db.example.com/v1',
        kind: 'Database',
        metadata: { name: 'typed' },
        spec: { engine: 'redis' },
      },
    });
    expect(await seen).toMatchObject({ kind: 'Database', spec: { engine: 'redis', replicas: 1 } });
    await informer.stop();
    await api.deleteNamespacedCustomObject({ ...at, name: 'typed' });
  });

  test('end with their definition, after what holds them', async () => {
    await kubectl.ok('apply -f -', database('held', '{engine: redis}', ', finalizers: [hold.db.example.com]'));
    await kubectl.ok('apply -f -', database('free', '{engine: redis}'));
    const watch = kubectl.start('get dbs --watch');
    await watch.until('free');
    await kubectl.ok('delete crd databases.db.example.com --wait=false');
    await kubectl.ok('wait --for=delete database/free --timeout=10s');
    await kubectl.ok('wait --for=condition=Terminating crd/databases.db.example.com --timeout=10s');
    expect(await kubectl.fails('create -f -', database('late', '{engine: redis}'))).toContain('terminating');
    await kubectl.ok('patch database held --type=merge -p {"metadata":{"finalizers":null}}');
    await kubectl.ok('wait --for=delete crd/databases.db.example.com --timeout=10s');
    expect(await kubectl.fails('get databases')).toMatch(/could not find the requested resource|doesn't have/);
    await watch.end();
  });
});
