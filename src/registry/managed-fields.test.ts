import { beforeEach, describe, expect, test } from 'vitest';

import { podNamed, setNamed, type TestRegistry, testRegistry } from '../../test/support/test-registry.ts';
import type { ManagedFieldsEntry, ObjectMeta } from '../api/generated/types.ts';
import { ConfigMaps, ControllerRevisions, Namespaces, Pods, StatefulSets } from '../api/kinds.ts';
import type { Client } from '../client/client.ts';
import { inProcessClient } from '../client/in-process-client.ts';

const user = { name: 'system:berth', groups: ['system:masters'] };
const fieldManager = 'kubectl';
const namespace = 'default';

let cluster: TestRegistry;
let controllers: Client;
beforeEach(async () => {
  cluster = await testRegistry();
  controllers = inProcessClient(cluster.registry, user, { part: 'kube-controller-manager' });
});

/** Who owns something of an object, and what, one level below the top. */
const owners = ({ metadata }: { readonly metadata: ObjectMeta }): readonly string[] =>
  (metadata.managedFields ?? []).map(
    ({ manager, subresource, fieldsV1 }: ManagedFieldsEntry) =>
      `${manager}${subresource === undefined ? '' : `/${subresource}`}: ${Object.entries(fieldsV1 as object)
        .flatMap(([part, fields]) => Object.keys(fields).map((field) => `${part}${field}`))
        .join(' ')}`,
  );

describe("what Berth's own parts write", () => {
  test('is theirs from the beginning', async () => {
    const data = { spec: {} };
    const made = await controllers.create(ControllerRevisions, {
      metadata: { namespace, name: 'r', labels: { a: 'b' } },
      data,
      revision: 1,
    });
    expect(made.metadata.managedFields).toMatchObject([
      { manager: 'kube-controller-manager', operation: 'Update', apiVersion: 'apps/v1', fieldsType: 'FieldsV1' },
    ]);
    expect(made.metadata.managedFields?.[0]?.fieldsV1).toEqual({
      'f:data': {},
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
      'f:revision': {},
    });
  });

  test('has their names where somebody else wrote first, and of the status only what they set', async () => {
    const set = await cluster.client.create(StatefulSets, setNamed('db'), { fieldManager });
    const status = { ...set.status, replicas: 1, observedGeneration: 1 };
    const written = await controllers.update(StatefulSets, { ...set, status }, { subresource: 'status' });
    expect(owners(written).at(-1)).toBe(
      'kube-controller-manager/status: f:statusf:replicas f:statusf:observedGeneration',
    );
    expect(owners(written)[0]).toMatch(/^kubectl: f:spec/);
  });

  test('is told of pods, claims, volumes and events only when somebody else has written them', async () => {
    const pod = await controllers.create(Pods, podNamed('p'));
    expect(pod.metadata.managedFields).toBeUndefined();
    const labels = { ...pod.metadata.labels, mine: 'yes' };
    const changed = await cluster.client.update(
      Pods,
      { ...pod, metadata: { ...pod.metadata, labels } },
      { fieldManager },
    );
    expect(owners(changed).map((owner) => owner.split(':')[0])).toEqual(['before-first-apply', 'kubectl']);
    const status = { ...changed.status, phase: 'Running' };
    const kubelet = inProcessClient(cluster.registry, user, { part: 'kubelet' });
    const running = await kubelet.update(Pods, { ...changed, status }, { subresource: 'status' });
    expect(owners(running).at(-1)).toBe('kubelet/status: f:statusf:phase');
  });

  test('does not begin a list of owners on what a client in this process made', async () => {
    const made = await cluster.client.create(ConfigMaps, { metadata: { namespace, name: 'c' } });
    const changed = await controllers.update(ConfigMaps, { ...made, data: { a: 'b' } });
    expect(changed.metadata.managedFields).toBeUndefined();
  });

  test('begins with what every cluster has', async () => {
    const found = await cluster.client.get(Namespaces, { name: 'default' });
    expect(owners(found)[0]).toMatch(/^kube-apiserver: f:metadataf:labels/);
  });
});

test('what a JSON patch moves is owned as what it is there', async () => {
  const set = setNamed('db');
  const metadata = { ...set.metadata, labels: { type: 'RuntimeDefault' } };
  await cluster.client.create(StatefulSets, { ...set, metadata }, { fieldManager });
  const path = '/spec/template/spec/securityContext/seccompProfile';
  const body = [{ op: 'move', from: '/metadata/labels', path }];
  const key = { namespace, name: 'db' };
  const moved = await cluster.client.patch(StatefulSets, key, { type: 'json', body }, { fieldManager: 'mover' });
  expect(moved.spec.template.spec?.securityContext).toEqual({ seccompProfile: { type: 'RuntimeDefault' } });
  const entry = moved.metadata.managedFields?.find(({ manager }) => manager === 'mover');
  expect(JSON.stringify(entry?.fieldsV1)).toContain('"f:seccompProfile":{"f:type":{}}');
});

test('a status that comes with a new object is not its creator’s', async () => {
  const pod = podNamed('p');
  const made = await cluster.client.create(Pods, { ...pod, status: { phase: 'Running' } }, { fieldManager });
  expect(owners(made).join()).not.toContain('f:status');
});
