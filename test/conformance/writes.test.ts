import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { HttpRequestOptions } from '../../src/client/http-connection.ts';
import { failure, startTestServer, type TestServer } from '../support/api-server.ts';
import { readLines } from '../support/lines.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const pods = '/api/v1/namespaces/default/pods';
const deployments = '/apis/apps/v1/namespaces/default/deployments';
const budgets = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

const send = async (method: string, path: string, body?: object, options: HttpRequestOptions = {}) => {
  const answer = await server.admin.request(method, path, { ...(body && { body: JSON.stringify(body) }), ...options });
  return JSON.parse(answer.body.toString());
};
const MERGE = { contentType: 'application/merge-patch+json' };
const STRATEGIC = { contentType: 'application/strategic-merge-patch+json' };
const labels = { app: 'web' };
const podSpec = { containers: [{ name: 'main', image: 'x' }] };
const deployment = (name: string) => ({
  metadata: { name },
  spec: { replicas: 1, selector: { matchLabels: labels }, template: { metadata: { labels }, spec: podSpec } },
});

describe('a change', () => {
  test('of a version that has been overtaken is a conflict, by PUT and by PATCH', async () => {
    const made = await send('POST', configMaps, { metadata: { name: 'stale' }, data: { a: '1' } });
    const path = `${configMaps}/stale`;
    await send('PUT', path, { ...made, data: { a: '2' } });
    const conflict = { code: 409, reason: 'Conflict', details: { name: 'stale', kind: 'configmaps' } };
    expect(await failure(send('PUT', path, { ...made, data: { a: '3' } }))).toMatchObject(conflict);
    const { resourceVersion, uid } = made.metadata;
    const patch = { metadata: { resourceVersion }, data: { a: '4' } };
    expect(await failure(send('PATCH', path, patch, MERGE))).toMatchObject(conflict);
    const other = {
      ...made,
      metadata: { name: 'stale', uid: uid.replace(/^./, (c: string) => (c === '0' ? '1' : '0')) },
    };
    expect(await failure(send('PUT', path, other))).toMatchObject(conflict);
    expect((await send('GET', path)).data).toEqual({ a: '2' });
  });

  test('that is only tried changes nothing', async () => {
    await send('POST', configMaps, { metadata: { name: 'tried' }, data: { a: '1' } });
    const path = `${configMaps}/tried`;
    const before = await send('GET', path);
    for (const [method, options] of [
      ['PUT', {}],
      ['PATCH', MERGE],
    ] as const) {
      const body = { metadata: { name: 'tried' }, data: { a: '2' } };
      expect((await send(method, `${path}?dryRun=All`, body, options)).data).toEqual({ a: '2' });
    }
    await send('DELETE', `${path}?dryRun=All`);
    expect(await send('GET', path)).toEqual(before);
  });

  test('of what is wanted counts, of labels or status it does not; no route writes what is of another', async () => {
    const path = `${deployments}/counted`;
    const made = await send('POST', deployments, { ...deployment('counted'), status: { replicas: 7 } });
    expect(made).toMatchObject({ metadata: { generation: 1 } });
    expect(made.status).toBeUndefined();
    const both = { metadata: { labels: { a: 'b' } }, spec: { replicas: 2 }, status: { replicas: 3 } };
    const main = await send('PATCH', path, both, MERGE);
    expect(main).toMatchObject({ metadata: { generation: 2, labels: { a: 'b' } }, spec: { replicas: 2 } });
    expect(main.status).toBeUndefined();
    const through = { ...both, metadata: { labels: { a: 'c' } }, spec: { replicas: 5 } };
    const status = await send('PATCH', `${path}/status`, through, MERGE);
    expect(status).toMatchObject({ metadata: { generation: 2 }, spec: { replicas: 2 }, status: { replicas: 3 } });
    const put = await send('PUT', path, { ...status, spec: { ...status.spec, replicas: 4 }, status: { replicas: 9 } });
    expect(put).toMatchObject({ metadata: { generation: 3 }, spec: { replicas: 4 }, status: { replicas: 3 } });
    const labelled = await send('PATCH', path, { metadata: { labels: { d: 'e' } } }, MERGE);
    expect(labelled.metadata.generation).toBe(3);
  });

  test('keeps of a union what the patch keeps', async () => {
    await send('POST', deployments, deployment('kept'));
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } };
    expect((await send('PATCH', `${deployments}/kept`, patch, STRATEGIC)).spec.strategy).toEqual({ type: 'Recreate' });
  });

  test('takes out the item that the patch deletes, and what an applier applies no longer', async () => {
    const two = deployment('two');
    const containers = [...podSpec.containers, { name: 'side', image: 'y' }];
    const template = { ...two.spec.template, spec: { containers } };
    await send('POST', deployments, { ...two, spec: { ...two.spec, template } });
    const gone = { spec: { template: { spec: { containers: [{ name: 'side', $patch: 'delete' }] } } } };
    const patched = await send('PATCH', `${deployments}/two`, gone, STRATEGIC);
    expect(patched.spec.template.spec.containers.map((one: { name: string }) => one.name)).toEqual(['main']);

    const apply = (data: object) =>
      send(
        'PATCH',
        `${configMaps}/applied`,
        { apiVersion: 'v1', kind: 'ConfigMap', data },
        {
          contentType: 'application/apply-patch+yaml',
          query: { fieldManager: 'me' },
        },
      );
    await apply({ a: '1', b: '1' });
    await send('PATCH', `${configMaps}/applied`, { data: { c: '1' } }, MERGE);
    expect((await apply({ a: '2' })).data).toEqual({ a: '2', c: '1' });
  });
});

describe('what is deleted', () => {
  test.each([
    ['Orphan', ['orphan']],
    ['Foreground', ['foregroundDeletion']],
  ])('with the policy %s waits for the garbage collector', async (propagationPolicy, finalizers) => {
    const name = propagationPolicy.toLowerCase();
    await send('POST', deployments, deployment(name));
    await send('DELETE', `${deployments}/${name}`, { propagationPolicy });
    const left = await send('GET', `${deployments}/${name}`);
    expect(left.metadata).toMatchObject({ finalizers, deletionTimestamp: expect.any(String), generation: 2 });
  });

  test('in the background is gone', async () => {
    await send('POST', deployments, deployment('background'));
    await send('DELETE', `${deployments}/background`, { propagationPolicy: 'Background' });
    expect(await failure(send('GET', `${deployments}/background`))).toMatchObject({ code: 404 });
  });

  test('by eviction is not what a disruption budget needs', async () => {
    const spec = { minAvailable: 1, selector: { matchLabels: labels } };
    await send('POST', budgets, { metadata: { name: 'one' }, spec });
    await send('POST', pods, { metadata: { name: 'last', labels }, spec: podSpec });
    const conditions = [{ type: 'Ready', status: 'True' }];
    await send('PATCH', `${pods}/last/status`, { status: { phase: 'Running', conditions } }, MERGE);
    const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name: 'last' } };
    const refused = await failure(send('POST', `${pods}/last/eviction`, eviction));
    expect(refused).toMatchObject({ code: 429, reason: 'TooManyRequests' });
    expect(refused.details?.causes?.[0]?.reason).toBe('DisruptionBudget');
    await send('DELETE', `${budgets}/one`);
    expect(await send('POST', `${pods}/last/eviction`, eviction)).toMatchObject({ status: 'Success' });
    expect(await failure(send('GET', `${pods}/last`))).toMatchObject({ code: 404 });
  });
});

describe('a namespace', () => {
  test('that every cluster has stays', async () => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      expect(await failure(send('DELETE', `/api/v1/namespaces/${name}`))).toMatchObject({ code: 403 });
    }
  });

  test('that is ending takes nothing new', async () => {
    await send('POST', '/api/v1/namespaces', { metadata: { name: 'ending' } });
    const left = '/api/v1/namespaces/ending/configmaps';
    await send('POST', left, { metadata: { name: 'before' } });
    await send('DELETE', '/api/v1/namespaces/ending');
    const refused = await failure(send('POST', left, { metadata: { name: 'after' } }));
    expect(refused).toMatchObject({ code: 403, reason: 'Forbidden' });
    expect(refused.details?.causes?.[0]).toMatchObject({ reason: 'NamespaceTerminating' });
    expect((await send('PATCH', `${left}/before`, { data: { a: 'b' } }, MERGE)).data).toEqual({ a: 'b' });
  });
});

test('a watch of a selector is told when an object leaves and comes back', async () => {
  const { metadata: list } = await send('GET', configMaps);
  const query = { watch: 1, labelSelector: 'seen=yes', resourceVersion: list.resourceVersion };
  const events = readLines(await server.admin.stream('GET', configMaps, { query }));
  await send('POST', configMaps, { metadata: { name: 'moving', labels: { seen: 'yes' } } });
  const left = await send('PATCH', `${configMaps}/moving`, { metadata: { labels: { seen: 'no' } } }, MERGE);
  await send('PATCH', `${configMaps}/moving`, { data: { a: 'b' } }, MERGE);
  await send('PATCH', `${configMaps}/moving`, { metadata: { labels: { seen: 'yes' } } }, MERGE);
  const seen = [await events.next(), await events.next(), await events.next()];
  expect(seen.map(({ type }) => type)).toEqual(['ADDED', 'DELETED', 'ADDED']);
  // As it was last seen, at the version from which on it is not.
  const { resourceVersion } = left.metadata;
  expect(seen[1].object.metadata).toMatchObject({ resourceVersion, labels: { seen: 'yes' } });
  events.close();
});
