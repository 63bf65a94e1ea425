import { describe, expect, test } from 'vitest';
import { failure, testRegistry } from '../../../test/support/test-registry.ts';
import type { ApiError } from '../../api/errors.ts';
import { Events, EventsEvents } from '../../api/kinds.ts';
import type { WatchEvent } from '../../client/client.ts';
import { settle } from '../../platform/virtual-clock.ts';

const key = { namespace: 'default', name: 'e' };
const regarding = { kind: 'Pod', namespace: 'default', name: 'redis-0' };
const said = {
  metadata: key,
  eventTime: '2026-01-01T00:00:00.000000Z',
  reportingController: 'berth.dev/test',
  reportingInstance: 'test-0',
  action: 'Starting',
  reason: 'Started',
  regarding,
  note: 'it runs',
  type: 'Normal',
};

describe('events.k8s.io', () => {
  test('what is recorded through one group is read through both', async () => {
    const { client } = await testRegistry();
    const event = await client.create(EventsEvents, said);
    expect(event).toMatchObject({ apiVersion: 'events.k8s.io/v1', note: 'it runs', regarding });
    expect(await client.get(Events, key)).toMatchObject({
      apiVersion: 'v1',
      metadata: event.metadata,
      involvedObject: regarding,
      message: 'it runs',
      reportingComponent: 'berth.dev/test',
    });
    const recorded = { kind: 'Pod', namespace: 'default', name: 'redis-1' };
    await client.create(Events, {
      metadata: { namespace: 'default', name: 'f' },
      involvedObject: recorded,
      message: 'old',
      count: 3,
      source: { component: 'kubelet' },
    });
    expect(await client.get(EventsEvents, { namespace: 'default', name: 'f' })).toMatchObject({
      regarding: recorded,
      note: 'old',
      deprecatedCount: 3,
      deprecatedSource: { component: 'kubelet' },
    });
    expect((await client.list(EventsEvents)).items).toHaveLength(2);
  });

  test('field selectors are in its own words', async () => {
    const { client } = await testRegistry();
    await client.create(EventsEvents, said);
    const found = async (fieldSelector: string) => (await client.list(EventsEvents, { fieldSelector })).items.length;
    expect(await found('regarding.name=redis-0,reportingController=berth.dev/test')).toBe(1);
    expect(await found('regarding.name=redis-1')).toBe(0);
    expect(await failure(found('note=x'))).toMatchObject({ code: 400 });
  });

  test('it is changed, watched and deleted like any other kind', async () => {
    const { client } = await testRegistry();
    const events: WatchEvent<object>[] = [];
    client.watch(EventsEvents, {}, { events: (batch) => void events.push(...batch), closed() {} });
    await settle();
    const event = await client.create(EventsEvents, said);
    const series = { count: 2, lastObservedTime: '2026-01-01T00:00:01.000000Z' };
    await client.patch(EventsEvents, key, { type: 'merge', body: { series } });
    const stale = { ...event, note: 'x' };
    expect(await failure(client.update(EventsEvents, stale))).toMatchObject({ code: 409 });
    const current = await client.get(EventsEvents, key);
    await client.update(EventsEvents, { ...current, series: { ...series, count: 3 } });
    await client.delete(EventsEvents, key);
    expect(events).toMatchObject([
      { type: 'ADDED', object: { note: 'it runs' } },
      { type: 'MODIFIED', object: { series } },
      { type: 'MODIFIED', object: { note: 'it runs', series: { ...series, count: 3 } } },
      { type: 'DELETED', object: { apiVersion: 'events.k8s.io/v1' } },
    ]);
  });

  test('V1 a new event says who did what, when and why', async () => {
    const { client } = await testRegistry();
    const fieldsOf = (refused: Promise<object>) =>
      refused.then(
        () => [],
        (error: ApiError) => error.status.details?.causes?.map(({ field }) => field),
      );
    const create = (event: object) => fieldsOf(client.create(EventsEvents, event as typeof said));
    expect(await create({ metadata: key, regarding })).toEqual([
      'eventTime',
      'reportingController',
      'reportingInstance',
      'action',
      'reason',
      'type',
    ]);
    expect(await create({ ...said, deprecatedCount: 1 })).toEqual(['count']);
    expect(await create({ ...said, reportingController: 'a b', action: 'x'.repeat(129) })).toEqual([
      'reportingController',
      'action',
    ]);
    expect(await create({ ...said, regarding: { ...regarding, namespace: 'other' } })).toEqual([
      'involvedObject.namespace',
    ]);
    expect(await create({ ...said, series: { count: 1, lastObservedTime: said.eventTime } })).toEqual(['series.count']);
    await client.create(EventsEvents, said);
    const changed = client.patch(EventsEvents, key, { type: 'merge', body: { note: 'else', type: 'Warning' } });
    expect(await fieldsOf(changed)).toEqual(['message', 'type']);
  });

  test('V4 a field of the other group is unknown', async () => {
    const { client } = await testRegistry();
    const create = client.create(EventsEvents, { ...said, message: 'x' } as typeof said, { fieldValidation: 'Strict' });
    expect(await failure(create)).toMatchObject({
      code: 400,
      message: expect.stringContaining('unknown field "message"'),
    });
  });
});
