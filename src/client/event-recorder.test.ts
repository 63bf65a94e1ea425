import { describe, expect, test } from 'vitest';

import { apiError } from '../api/errors.ts';
import type { Event } from '../api/generated/types.ts';
import type { KubernetesObject, New } from '../api/meta.ts';
import { silentLogger } from '../platform/logger.ts';
import { seededRandom } from '../platform/random.ts';
import { VirtualClock } from '../platform/virtual-clock.ts';
import type { Client, Patch } from './client.ts';
import { ApiEventRecorder, type EventRecorderOptions } from './event-recorder.ts';

function object(name: string): KubernetesObject {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      uid: `uid-${name}`,
      resourceVersion: '1',
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  };
}

function start(options: Partial<EventRecorderOptions> = {}) {
  const clock = new VirtualClock();
  const created: New<Event>[] = [];
  const patched: unknown[] = [];
  const api = { broken: false };
  const client = {
    create: async (_type: unknown, event: New<Event>) => {
      if (api.broken) throw apiError('ServiceUnavailable', 'not now');
      created.push(event);
      return event;
    },
    patch: async (_type: unknown, _key: unknown, patch: Patch) => {
      patched.push(patch.body);
      return created.at(-1);
    },
  } as unknown as Client;
  const recorder = new ApiEventRecorder({
    client,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    component: 'statefulset-controller',
    ...options,
  });
  const say = (name: string, message = 'hello', reason = 'Waiting'): void =>
    recorder.record({ about: object(name), type: 'Normal', reason, message });
  return { clock, created, patched, recorder, say, api };
}

describe('event recorder', () => {
  test('an event names the object, the speaker and the time', async () => {
    const { clock, created, say } = start();
    say('web-0');
    await clock.advance(1);
    expect(created).toMatchObject([
      {
        metadata: { namespace: 'default', name: expect.stringMatching(/^web-0\./) },
        involvedObject: { apiVersion: 'v1', kind: 'Pod', namespace: 'default', name: 'web-0', uid: 'uid-web-0' },
        type: 'Normal',
        reason: 'Waiting',
        message: 'hello',
        count: 1,
        firstTimestamp: '2026-01-01T00:00:00Z',
        lastTimestamp: '2026-01-01T00:00:00Z',
        source: { component: 'statefulset-controller' },
        reportingComponent: 'statefulset-controller',
      },
    ]);
  });

  test('the same note again raises the count of the event there is', async () => {
    const { clock, created, patched, say } = start();
    say('web-0');
    await clock.advance(5000);
    say('web-0');
    await clock.advance(5000);
    expect(created).toHaveLength(1);
    expect(patched).toEqual([{ count: 2, lastTimestamp: '2026-01-01T00:00:05Z' }]);
  });

  test('what piles up while a write waits its turn is one write', async () => {
    const { clock, created, patched, say } = start();
    for (let i = 0; i < 100; i += 1) say('web-0');
    await clock.advance(1000);
    expect(created.map((event) => event.count)).toEqual([100]);
    expect(patched).toEqual([]);
  });

  test('after the window it is a new event', async () => {
    const { clock, created, say } = start({ windowMs: 1000 });
    say('web-0');
    await clock.advance(5000);
    say('web-0');
    await clock.advance(1);
    expect(created).toHaveLength(2);
  });

  test('writes are spread out', async () => {
    const { clock, created, say } = start({ writesPerSecond: 10 });
    for (let i = 0; i < 30; i += 1) say(`web-${i}`);
    await clock.advance(1000);
    expect(created.length).toBeGreaterThan(8);
    expect(created.length).toBeLessThan(13);
    await clock.advance(3000);
    expect(created).toHaveLength(30);
  });

  test('one object in trouble does not silence the others', async () => {
    const { clock, created, say } = start({ burst: 3, refillMs: 60_000 });
    for (let i = 0; i < 50; i += 1) say('noisy', `message ${i}`);
    say('quiet');
    await clock.advance(5000);
    expect(created.map((event) => event.involvedObject.name)).toEqual(['noisy', 'noisy', 'noisy', 'quiet']);
    await clock.advance(60_000);
    say('noisy', 'a minute later');
    await clock.advance(1);
    expect(created.at(-1)?.message).toBe('a minute later');
  });

  test('more than the capacity is not kept', async () => {
    const { clock, created, say } = start({ capacity: 10 });
    for (let i = 0; i < 100; i += 1) say(`web-${i}`);
    await clock.advance(60_000);
    expect(created).toHaveLength(10);
  });

  test('an event that cannot be written is lost, and the next one is written', async () => {
    const { clock, created, say, api } = start();
    api.broken = true;
    say('web-0');
    await clock.advance(1000);
    api.broken = false;
    say('web-1');
    await clock.advance(1000);
    expect(created.map((event) => event.involvedObject.name)).toEqual(['web-1']);
  });

  test('a message longer than the API takes is cut', async () => {
    const { clock, created, say } = start();
    say('web-0', 'x'.repeat(5000));
    await clock.advance(1);
    expect(created[0]?.message).toHaveLength(1024);
  });

  test('an event about an object with the longest of names has a name that the API takes', async () => {
    const { clock, created, say } = start();
    const name = `${'a'.repeat(235)}-${'b'.repeat(17)}`;
    say(name);
    await clock.advance(1);
    expect(created[0]?.metadata.name).toMatch(/^a{235}\.[a-z0-9]{16}$/);
    expect(created[0]?.involvedObject.name).toBe(name);
  });

  test('after stop nothing is written', async () => {
    const { clock, created, recorder, say } = start();
    say('web-0');
    recorder.stop();
    say('web-1');
    await clock.advance(1000);
    expect(created).toEqual([]);
  });
});
