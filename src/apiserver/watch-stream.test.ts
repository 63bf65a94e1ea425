import { EventEmitter } from 'node:events';
import { describe, expect, test } from 'vitest';

import { ConfigMaps } from '../api/kinds.ts';
import type { KubernetesObject } from '../api/meta.ts';
import { silentLogger } from '../platform/logger.ts';
import { VirtualClock } from '../platform/virtual-clock.ts';
import type { Registry, StoredObject, StoredWatchHandler } from '../registry/requests.ts';
import { plainEncoder } from './representations.ts';
import type { StreamedAnswer } from './streams/web-socket-answer.ts';
import { WatchStream, type WatchStreamOptions } from './watch-stream.ts';

/** A connection whose reader can stop reading. */
class FakeResponse extends EventEmitter {
  statusCode = 0;
  headersSent = false;
  destroyed = false;
  ended = false;
  reading = true;
  writes: string[] = [];
  setHeader(): void {}
  removeHeader(): void {}
  flushHeaders(): void {
    this.headersSent = true;
  }
  write(data: Buffer): boolean {
    this.headersSent = true;
    this.writes.push(data.toString());
    return this.reading;
  }
  end(data?: string): void {
    if (data !== undefined) this.writes.push(data);
    this.ended = true;
  }
  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
  readOn(): void {
    this.reading = true;
    this.emit('drain');
  }
  events(): { type: string; object: { code?: number; metadata: { resourceVersion: string } } }[] {
    return this.writes
      .join('')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  }
}

function stored(version: number): StoredObject {
  const object: KubernetesObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: 'a',
      namespace: 'b',
      uid: 'u',
      resourceVersion: String(version),
      creationTimestamp: '2026-01-01T00:00:00Z',
    },
  };
  const json = Buffer.from(JSON.stringify(object));
  return { object, json: () => json };
}

function open(options: Partial<WatchStreamOptions> = {}) {
  const clock = new VirtualClock();
  const response = new FakeResponse();
  let handler: StoredWatchHandler = { events: () => expect.unreachable(), closed: () => expect.unreachable() };
  let stopped = false;
  const registry = {
    resourceVersion: '99',
    watch(_type: unknown, _request: unknown, given: StoredWatchHandler) {
      handler = given;
      return {
        stop() {
          stopped = true;
        },
      };
    },
  } as unknown as Registry;
  const stream = new WatchStream({
    registry,
    type: ConfigMaps,
    request: { resourceVersion: '1' },
    encoder: plainEncoder,
    response: response as unknown as StreamedAnswer,
    clock,
    logger: silentLogger,
    bookmarks: false,
    timeoutMs: 600_000,
    soon: (run) => run(),
    ...options,
  });
  stream.start();
  const change = (...versions: number[]): void =>
    handler.events(versions.map((version) => ({ type: 'MODIFIED', item: stored(version) })));
  return { clock, response, stream, change, handler: () => handler, stopped: () => stopped };
}

const versionsOf = (response: FakeResponse): number[] =>
  response.events().map((event) => Number(event.object.metadata.resourceVersion));

describe('a watch stream', () => {
  test('writes the changes of one turn together, and those before its end before it ends', async () => {
    const after: (() => void)[] = [];
    const { response, stream, change } = open({ soon: (run) => after.push(run) });
    change(1);
    change(2);
    expect(response.writes).toEqual([]);
    for (const run of after.splice(0)) run();
    expect(response.writes).toHaveLength(1);
    expect(versionsOf(response)).toEqual([1, 2]);
    change(3);
    stream.close();
    expect(versionsOf(response)).toEqual([1, 2, 3]);
    for (const run of after.splice(0)) run();
    expect(versionsOf(response)).toEqual([1, 2, 3]);
  });

  test('writes what comes together in one piece', () => {
    const { response, change } = open();
    change(1, 2, 3);
    expect(response.writes).toHaveLength(1);
    expect(versionsOf(response)).toEqual([1, 2, 3]);
  });

  test('keeps order and loses nothing when the reader stops and goes on', () => {
    const { response, change } = open();
    response.reading = false;
    change(1);
    change(2);
    change(3, 4);
    expect(versionsOf(response)).toEqual([1]);
    response.readOn();
    change(5);
    expect(versionsOf(response)).toEqual([1, 2, 3, 4, 5]);
  });

  test('is closed with 410 when its reader is too slow, by events or by bytes', () => {
    for (const limits of [{ events: 10 }, { sizeBytes: 2_000 }]) {
      const { response, change, stopped } = open({ limits });
      change(1);
      response.readOn();
      response.reading = false;
      change(2);
      for (let version = 3; version < 40; version++) change(version);
      expect(response.ended).toBe(true);
      expect(stopped()).toBe(true);
      expect(response.events().at(-1)).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    }
  });

  test('that nobody reads to its end is cut off', async () => {
    const { clock, response, stream } = open();
    response.reading = false;
    stream.close();
    await clock.advance(6_000);
    expect(response.destroyed).toBe(true);
  });

  test('takes a large state to begin with, whatever the limit', () => {
    const { response, change } = open({ limits: { events: 10 } });
    response.reading = false;
    change(...Array.from({ length: 5_000 }, (_, index) => index + 1));
    expect(response.ended).toBe(false);
    response.readOn();
    expect(versionsOf(response)).toHaveLength(5_000);
  });

  test('counts what comes after a large state, also when nobody reads the state', () => {
    const { response, change } = open({ limits: { sizeBytes: 2_000 } });
    response.reading = false;
    change(...Array.from({ length: 5_000 }, (_, index) => index + 1));
    expect(response.ended).toBe(false);
    for (let version = 1; version < 40; version++) change(version);
    expect(response.ended).toBe(true);
    expect(response.events().at(-1)).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
  });

  test('says now and then how far it has come, when asked to', async () => {
    const { clock, response, change } = open({ bookmarks: true });
    change(1);
    await clock.advance(61_000);
    const bookmark = response.events().at(-1);
    expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { metadata: { resourceVersion: '99' } } });
    const silent = open();
    silent.change(1);
    await silent.clock.advance(61_000);
    expect(silent.response.events()).toHaveLength(1);
  });

  test('ends after its time, and with the error of its source', async () => {
    const timed = open({ timeoutMs: 1_000 });
    await timed.clock.advance(1_001);
    expect(timed.response.ended).toBe(true);
    expect(timed.response.events()).toEqual([]);
    const broken = open();
    broken.handler().closed(new Error('the store is gone'));
    expect(broken.response.events()).toMatchObject([{ type: 'ERROR', object: { code: 500 } }]);
  });

  test('stops its source when the client goes', () => {
    const { response, stopped } = open();
    response.emit('close');
    expect(stopped()).toBe(true);
  });
});
