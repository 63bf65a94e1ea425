import { readFile } from 'node:fs/promises';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { builtInTypes } from '../../src/api/kinds.ts';
import { apiVersionOf } from '../../src/api/resource-type.ts';
import { startTestServer, type TestServer } from '../support/api-server.ts';
import { Kubectl, recentKubectl } from './kubectl.ts';

const exampleOf = (name: string): Promise<string> =>
  readFile(new URL(`../../examples/${name}`, import.meta.url), 'utf8');

describe.skipIf(recentKubectl === undefined)('kubectl and the schema', () => {
  let server: TestServer;
  let kubectl: Kubectl;
  beforeAll(async () => {
    server = await startTestServer();
    kubectl = new Kubectl(server.kubeconfig, server.directory);
  });
  afterAll(() => server.close());

  test.each(builtInTypes.map((type) => [type.plural, apiVersionOf(type)]))(
    'explains %s of %s',
    async (plural, version) => {
      expect(await kubectl.ok(`explain ${plural} --api-version ${version}`)).toContain('  metadata\t<ObjectMeta>');
    },
  );

  test('explains down to the last field, with all its fields', async () => {
    expect(await kubectl.ok('explain pod.spec.containers.livenessProbe.httpGet.port')).toContain('<IntOrString>');
    expect(await kubectl.ok('explain statefulset --recursive')).toMatch(/whenDeleted\t<string>/);
    expect(await kubectl.fails('explain statefulset.spec.replicsa')).toContain('field "replicsa" does not exist');
  });

  test('reads the second version of the document too, which is protobuf', async () => {
    const text = await kubectl.ok('explain statefulset.spec.template.spec --output=plaintext-openapiv2');
    expect(text).toMatch(/containers\t<\[\]Object> -required-/);
  });

  test.each(['kv.yaml', 'redis.yaml'])(
    'applies %s on both sides, twice, and the second time nothing changes',
    async (name) => {
      const manifest = await exampleOf(name);
      const version = (): Promise<string> =>
        kubectl.ok('get sts,svc,cm -o jsonpath={.items[*].metadata.resourceVersion}');
      await kubectl.ok('apply -f -', manifest);
      // Who wrote the fields with the first way gives them up to the second.
      await kubectl.ok('apply --server-side --force-conflicts -f -', manifest);
      const before = await version();
      await kubectl.ok('apply --server-side -f -', manifest);
      expect(await version()).toBe(before);
      expect(await kubectl.ok('diff --server-side -f -', manifest)).toBe('');
      await kubectl.ok('delete -f -', manifest);
    },
  );

  test('lists merge by their keys, whoever asks', async () => {
    await kubectl.ok('create deployment web --image=a:1');
    await kubectl.ok('set env deployment/web A=1 B=2');
    await kubectl.ok('set env deployment/web A-');
    await kubectl.ok('set image deployment/web a=a:2');
    const patch = JSON.stringify({
      spec: {
        template: { spec: { containers: [{ name: 'side', image: 'b' }], tolerations: [{ operator: 'Exists' }] } },
      },
    });
    await kubectl.run(['patch', 'deployment', 'web', '--patch', patch]);
    const { spec } = JSON.parse(await kubectl.ok('get deployment web -o json')).spec.template;
    expect(spec.containers).toMatchObject([
      { name: 'side', image: 'b' },
      { name: 'a', image: 'a:2', env: [{ name: 'B', value: '2' }] },
    ]);
    expect(spec.tolerations).toEqual([{ operator: 'Exists' }]);
  });

  test('V4 unknown and repeated fields, as the request asks', async () => {
    const misspelt =
      '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"m"},"dta":{"a":"b"},"data":{"x":"1","x":"2"}}';
    expect(await kubectl.fails('create -f -', misspelt)).toContain('strict decoding error: unknown field "dta"');
    const { code, stderr } = await kubectl.run(['create', '--validate=warn', '-f', '-'], misspelt);
    expect(code).toBe(0);
    expect(stderr).toContain('Warning: unknown field "dta"');
    await kubectl.ok('delete configmap m');
    const ignored = await kubectl.run(['create', '--validate=ignore', '-f', '-'], misspelt);
    expect(ignored).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(await kubectl.ok('get configmap m -o json'))).toMatchObject({ data: { x: '2' } });
  });

  test('V1 everything that is wrong is named at once', async () => {
    const set = {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'bad' },
      spec: {
        replicas: -1,
        podManagementPolicy: 'Chaos',
        selector: { matchLabels: { app: 'a' } },
        template: { metadata: { labels: { app: 'b' } }, spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } },
      },
    };
    const complaint = await kubectl.fails('create -f -', JSON.stringify(set));
    for (const line of [
      'The StatefulSet "bad" is invalid:',
      "* spec.podManagementPolicy: Invalid value: \"Chaos\": must be 'OrderedReady' or 'Parallel'",
      '* spec.replicas: Invalid value: -1: must be greater than or equal to 0',
      '* spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels`',
      '* spec.template.spec.containers[0].image: Required value',
      '* spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ]) {
      expect(complaint).toContain(line);
    }
  });
});
