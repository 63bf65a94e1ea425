import { describe, expect, test } from 'vitest';
import { type TestRegistry, testRegistry } from '../../test/support/test-registry.ts';
import { Events } from '../api/kinds.ts';

const record = ({ client }: TestRegistry, name: string) =>
  client.create(Events, {
    metadata: { namespace: 'default', name },
    involvedObject: { kind: 'Pod', namespace: 'default', name: 'redis-0' },
  });
const left = async ({ client }: TestRegistry) => (await client.list(Events)).items.map(({ metadata }) => metadata.name);

describe('sweepEvents', () => {
  test('events go an hour after they were last seen', async () => {
    const fixture = await testRegistry();
    const { clock, client, registry } = fixture;
    await record(fixture, 'once');
    await record(fixture, 'again');
    await clock.advance(45 * 60_000);
    const lastTimestamp = '2026-01-01T00:45:00Z';
    await client.patch(
      Events,
      { namespace: 'default', name: 'again' },
      { type: 'merge', body: { lastTimestamp, count: 2 } },
    );
    await record(fixture, 'new');
    expect(await registry.sweepEvents()).toBe(0);
    await clock.advance(30 * 60_000);
    expect(await registry.sweepEvents()).toBe(1);
    expect(await left(fixture)).toEqual(['again', 'new']);
  });

  test('there are never more than so many, and the newest stay', async () => {
    const fixture = await testRegistry();
    for (let index = 0; index < 5; index += 1) {
      await record(fixture, `e${index}`);
      await fixture.clock.advance(1_000);
    }
    expect(await fixture.registry.sweepEvents({ maxCount: 2 })).toBe(3);
    expect(await left(fixture)).toEqual(['e3', 'e4']);
  });
});
