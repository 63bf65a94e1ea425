import { describe, expect, test } from 'vitest';
import { failure, podNamed, tester, testRegistry } from '../../test/support/test-registry.ts';
import { ConfigMaps, Events, Nodes, Pods, Secrets } from '../api/kinds.ts';

async function withMaps(count: number) {
  const fixture = await testRegistry();
  for (let index = 0; index < count; index += 1) {
    await fixture.client.create(ConfigMaps, {
      metadata: {
        namespace: index % 2 === 0 ? 'default' : 'kube-public',
        name: `m${index}`,
        labels: { n: `${index}` },
      },
    });
  }
  return fixture;
}

const names = (items: readonly { readonly metadata: { readonly name: string } }[]) =>
  items.map(({ metadata }) => metadata.name);

describe('list', () => {
  test('all namespaces, or one, in the order of their keys', async () => {
    const { client, registry } = await withMaps(4);
    const all = await client.list(ConfigMaps);
    expect(names(all.items)).toEqual(['m0', 'm2', 'm1', 'm3']);
    expect(all.metadata).toEqual({ resourceVersion: registry.resourceVersion });
    expect(names((await client.list(ConfigMaps, { namespace: 'kube-public' })).items)).toEqual(['m1', 'm3']);
    expect((await client.list(ConfigMaps, { namespace: 'none' })).items).toEqual([]);
  });

  test('label selectors choose', async () => {
    const { client } = await withMaps(6);
    const chosen = async (labelSelector: string) => names((await client.list(ConfigMaps, { labelSelector })).items);
    expect(await chosen('n in (1,2)')).toEqual(['m2', 'm1']);
    expect(await chosen('n,n notin (0,1,2,3)')).toEqual(['m4', 'm5']);
    expect(await chosen('n>3')).toEqual(['m4', 'm5']);
    expect(await chosen('!n')).toEqual([]);
  });

  test('field selectors choose by name, by namespace, and by what the kind offers', async () => {
    const { client } = await testRegistry();
    for (const [name, nodeName] of [
      ['a', 'node-0'],
      ['b', 'node-1'],
      ['c', undefined],
    ] as const) {
      await client.create(Pods, podNamed(name, nodeName === undefined ? {} : { nodeName }));
    }
    const chosen = async (fieldSelector: string, namespace?: string) =>
      names((await client.list(Pods, { fieldSelector, ...(namespace && { namespace }) })).items);
    expect(await chosen('metadata.name=b')).toEqual(['b']);
    expect(await chosen('metadata.name=b', 'default')).toEqual(['b']);
    expect(await chosen('metadata.name=b', 'kube-system')).toEqual([]);
    expect(await chosen('metadata.name=b,metadata.namespace=default')).toEqual(['b']);
    expect(await chosen('spec.nodeName=node-0')).toEqual(['a']);
    expect(await chosen('spec.nodeName=')).toEqual(['c']);
    expect(await chosen('spec.nodeName!=,status.phase=Pending')).toEqual(['a', 'b']);
    expect(await chosen('spec.restartPolicy=Always,metadata.name!=a')).toEqual(['b', 'c']);
  });

  test('events are chosen by what they are about', async () => {
    const { client } = await testRegistry();
    const event = (name: string, about: string, reason: string) =>
      client.create(Events, {
        metadata: { namespace: 'default', name },
        involvedObject: { kind: 'Pod', namespace: 'default', name: about },
        reason,
        type: 'Normal',
      });
    await event('one', 'redis-0', 'Started');
    await event('two', 'redis-1', 'Killing');
    const chosen = async (fieldSelector: string) => names((await client.list(Events, { fieldSelector })).items);
    expect(await chosen('involvedObject.kind=Pod,involvedObject.name=redis-1')).toEqual(['two']);
    expect(await chosen('reason=Started,type=Normal')).toEqual(['one']);
  });

  test('secrets are chosen by type, nodes by whether they can be scheduled on', async () => {
    const { client } = await testRegistry();
    await client.create(Secrets, { metadata: { namespace: 'default', name: 's' } });
    await client.create(Nodes, { metadata: { name: 'node-0' }, spec: { unschedulable: true } });
    await client.create(Nodes, { metadata: { name: 'node-1' }, spec: {} });
    expect(names((await client.list(Secrets, { fieldSelector: 'type=Opaque' })).items)).toEqual(['s']);
    expect(names((await client.list(Nodes, { fieldSelector: 'spec.unschedulable=false' })).items)).toEqual(['node-1']);
  });

  test.each([
    ['fieldSelector', 'spec.hostname=a', 'field label not supported: spec.hostname'],
    ['fieldSelector', 'nonsense', "invalid selector: 'nonsense'; can't understand 'nonsense'"],
    ['labelSelector', 'a in b', "unable to parse requirement: found 'b', expected: '('"],
    ['labelSelector', '=a', "unable to parse requirement: found '=', expected: identifier"],
    ['resourceVersion', 'abc', 'resourceVersion: Invalid value: "abc"'],
    ['continue', 'abc', 'continue key is not valid'],
  ])('V5 the %s "%s" is a bad request', async (option, value, message) => {
    const { client } = await testRegistry();
    expect(await failure(client.list(Pods, { [option]: value }))).toMatchObject({
      code: 400,
      reason: 'BadRequest',
      message: expect.stringContaining(message),
    });
  });

  test('chunks show one state, whatever happens in between', async () => {
    const { client } = await withMaps(10);
    const first = await client.list(ConfigMaps, { limit: 4 });
    expect(first.items).toHaveLength(4);
    expect(first.metadata.remainingItemCount).toBe(6);
    await client.delete(ConfigMaps, { namespace: 'kube-public', name: 'm9' });
    await client.create(ConfigMaps, { metadata: { namespace: 'kube-public', name: 'm99' } });
    const second = await client.list(ConfigMaps, { limit: 4, continue: first.metadata.continue ?? '' });
    const third = await client.list(ConfigMaps, { limit: 4, continue: second.metadata.continue ?? '' });
    expect(names([...first.items, ...second.items, ...third.items])).toEqual([
      'm0',
      'm2',
      'm4',
      'm6',
      'm8',
      'm1',
      'm3',
      'm5',
      'm7',
      'm9',
    ]);
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
    expect(third.metadata.continue).toBeUndefined();
  });

  test('a chunk with a selector is full, and says nothing about how much is left', async () => {
    const { client } = await withMaps(10);
    const options = { labelSelector: 'n in (1,3,5,7)', limit: 3 };
    const first = await client.list(ConfigMaps, options);
    expect(names(first.items)).toEqual(['m1', 'm3', 'm5']);
    expect(first.metadata.remainingItemCount).toBeUndefined();
    const second = await client.list(ConfigMaps, { ...options, continue: first.metadata.continue ?? '' });
    expect(names(second.items)).toEqual(['m7']);
    expect(second.metadata.continue).toBeUndefined();
  });

  test('a chunk of a state that is forgotten is gone, with a way to go on all the same', async () => {
    const { client, store } = await withMaps(6);
    const { metadata } = await client.list(ConfigMaps, { limit: 2 });
    await client.create(ConfigMaps, { metadata: { namespace: 'kube-public', name: 'm9' } });
    await store.compact(store.revision);
    const error = await client.list(ConfigMaps, { limit: 2, continue: metadata.continue ?? '' }).then(
      () => undefined,
      (caught: { status: { code: number; reason: string; metadata: { continue: string } } }) => caught.status,
    );
    expect(error).toMatchObject({ code: 410, reason: 'Expired' });
    const rest = await client.list(ConfigMaps, { continue: error?.metadata.continue ?? '' });
    expect(names(rest.items)).toEqual(['m4', 'm1', 'm3', 'm5', 'm9']);
  });

  test('an exact version shows that state; one too old or still to come is refused', async () => {
    const { client, store, registry } = await withMaps(2);
    const before = registry.resourceVersion;
    await client.create(ConfigMaps, { metadata: { namespace: 'default', name: 'later' } });
    const exact = { resourceVersion: before, resourceVersionMatch: 'Exact' } as const;
    expect(names((await client.list(ConfigMaps, exact)).items)).toEqual(['m0', 'm1']);
    const notOlder = { resourceVersion: before, resourceVersionMatch: 'NotOlderThan' } as const;
    expect(names((await client.list(ConfigMaps, notOlder)).items)).toEqual(['later', 'm0', 'm1']);
    expect((await client.list(ConfigMaps, { resourceVersion: '0' })).items).toHaveLength(3);
    await store.compact(store.revision);
    expect(await failure(client.list(ConfigMaps, exact))).toMatchObject({ code: 410, reason: 'Expired' });
    expect(await failure(client.list(ConfigMaps, { resourceVersion: '99999' }))).toMatchObject({
      code: 504,
      message: `Too large resource version: 99999, current: ${registry.resourceVersion}`,
      details: { retryAfterSeconds: 1, causes: [{ reason: 'ResourceVersionTooLarge' }] },
    });
  });

  test('options that contradict each other are refused', async () => {
    const { client } = await withMaps(3);
    const { metadata } = await client.list(ConfigMaps, { limit: 1 });
    const both = { continue: metadata.continue ?? '', resourceVersion: '5' };
    expect(await failure(client.list(ConfigMaps, both))).toMatchObject({
      code: 400,
      message: 'specifying resource version is not allowed when using continue',
    });
  });

  test('a name that could leave its place is refused', async () => {
    const { registry } = await testRegistry();
    for (const name of ['../pods', 'a/b', '..', 'a%2fb', '']) {
      const get = (async () => registry.get(ConfigMaps, { namespace: 'default', name }, tester))();
      expect(await failure(get)).toMatchObject({ code: 400 });
    }
    expect(await failure(registry.list(ConfigMaps, { namespace: '../secrets' }, tester))).toMatchObject({ code: 400 });
  });
});
