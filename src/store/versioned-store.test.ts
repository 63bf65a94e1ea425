import { describe, expect, test } from 'vitest';
import { type Clock, systemClock } from '../platform/clock.ts';
import { silentLogger } from '../platform/logger.ts';
import { settle, VirtualClock } from '../platform/virtual-clock.ts';
import { put, RecordingWatcher, remove } from './contract.ts';
import type { HistoryLimits } from './history.ts';
import type { Log, LogBatch } from './log.ts';
import { decodeRecord } from './record.ts';
import { StoreWriteError } from './store.ts';
import { VersionedStore } from './versioned-store.ts';

/** A log whose writes end when the test says so. */
class ManualLog implements Log {
  readonly compactedRevision = 0;
  readonly records = new Map<number, Buffer>();
  readonly batches: LogBatch[] = [];
  readonly #pending: { readonly batch: LogBatch; resolve(): void; reject(error: Error): void }[] = [];

  async *load(): AsyncGenerator<never, void, undefined> {}

  write(batch: LogBatch): Promise<void> {
    this.batches.push(batch);
    return new Promise((resolve, reject) => this.#pending.push({ batch, resolve, reject }));
  }

  read(revision: number): Buffer {
    const record = decodeRecord(revision, this.records.get(revision) ?? Buffer.alloc(0));
    if (record === undefined) throw new Error(`no record of revision ${revision}`);
    return record.json;
  }

  async close(): Promise<void> {}

  /** Ends the write that is under way, or that is about to be. */
  async finish(error?: Error): Promise<void> {
    await settle();
    const { batch, resolve, reject } = this.#pending.shift() ?? {};
    if (error === undefined) {
      for (const { revision, bytes } of batch?.append ?? []) this.records.set(revision, bytes);
      for (const revision of batch?.drop ?? []) this.records.delete(revision);
      resolve?.();
    } else {
      reject?.(error);
    }
    await settle();
  }
}

function open(options: { readonly history?: HistoryLimits; readonly clock?: Clock } = {}): {
  readonly store: VersionedStore;
  readonly log: ManualLog;
} {
  const log = new ManualLog();
  const { history = {}, clock = systemClock } = options;
  return { log, store: new VersionedStore({ log, history, clock, logger: silentLogger }) };
}

describe('the flush', () => {
  test('takes all that gathered while the one before was under way', async () => {
    const { store, log } = open();
    const first = store.commit([put('/a')]);
    await settle();
    const others = ['/b', '/c', '/d'].map((key) => store.commit([put(key)]));
    await log.finish();
    await first;
    await log.finish();
    await Promise.all(others);
    expect(
      log.batches.map(({ append }) => append.map(({ revision, bytes }) => decodeRecord(revision, bytes)?.key)),
    ).toEqual([['/a'], ['/b', '/c', '/d']]);
  });

  test('shows nothing before it is done', async () => {
    const { store, log } = open();
    const watcher = new RecordingWatcher();
    store.watch('/', 0, watcher);
    const done = store.commit([put('/a')]);
    await settle();
    expect(log.batches).toHaveLength(1);
    expect([store.revision, await store.get('/a'), (await store.list('/')).entries, watcher.lines]).toEqual([
      0,
      undefined,
      [],
      [],
    ]);
    await log.finish();
    await done;
    expect(watcher.lines).toEqual(['put /a 1']);
  });

  test('that fails refuses all that was accepted, and the store is what it was', async () => {
    const { store, log } = open();
    const watcher = new RecordingWatcher();
    store.watch('/', 0, watcher);
    const kept = store.commit([put('/a', 'kept')]);
    await log.finish();
    await kept;
    const flushed = store.commit([put('/a', 'lost'), put('/b')]);
    await settle();
    const resting = store.commit([put('/a', 'rests on it')], [{ key: '/a', revision: 2 }]);
    const unrelated = store.commit([put('/c')]);
    const failures = Promise.allSettled([flushed, resting, unrelated]);
    await log.finish(new Error('ENOSPC'));
    for (const result of await failures) {
      expect(result).toMatchObject({ status: 'rejected', reason: { name: 'StoreWriteError' } });
    }
    await expect(flushed).rejects.toThrow('the disk refused a write: ENOSPC');
    expect(store.revision).toBe(1);
    expect((await store.get('/a'))?.value).toEqual({ data: 'kept', revision: 1 });
    expect(await store.get('/b')).toBeUndefined();

    const again = store.commit([put('/a', 'again')], [{ key: '/a', revision: 1 }]);
    await log.finish();
    expect((await again).revision).toBe(2);
    expect(watcher.lines).toEqual(['put /a 1', 'put /a 2']);
  });

  test('refuses a compaction that it could not write, and does it when asked again', async () => {
    const { store, log } = open();
    for (const data of ['1', '2']) {
      const done = store.commit([put('/a', data)]);
      await log.finish();
      await done;
    }
    const refused = expect(store.compact(2)).rejects.toBeInstanceOf(StoreWriteError);
    await log.finish(new Error('EIO'));
    await refused;
    expect(store.compactedRevision).toBe(0);
    const done = store.compact(2);
    await log.finish();
    await done;
    expect(store.compactedRevision).toBe(2);
    expect([...log.records.keys()]).toEqual([2]);
  });

  test('waits for what is under way when the store is closed', async () => {
    const { store, log } = open();
    const done = store.commit([put('/a')]);
    let isClosed = false;
    const closed = store.close().then(() => {
      isClosed = true;
    });
    await settle();
    expect(isClosed).toBe(false);
    await log.finish();
    await Promise.all([done, closed]);
    expect((await done).revision).toBe(1);
  });
});

describe('compaction', () => {
  test('drops what is superseded and deleted, and nothing else, a bounded number at a time', async () => {
    const { store, log } = open();
    const rounds = 2500;
    const done = store.commit([
      put('/kept'),
      ...Array.from({ length: rounds }, (_, count) => put('/changed', `${count}`)),
      put('/deleted'),
      remove('/deleted'),
    ]);
    await log.finish();
    await done;
    const compacted = store.compact(store.revision);
    for (let flush = 0; flush < 3; flush++) await log.finish();
    await compacted;
    const drops = log.batches.map(({ drop }) => drop.length).filter((length) => length > 0);
    expect(drops).toEqual([1000, 1000, rounds - 1 + 2 - 2000]);
    expect([...log.records.keys()]).toEqual([1, rounds + 1]);
  });

  test('happens by itself when the history is too old', async () => {
    const clock = new VirtualClock();
    const { store, log } = open({ clock, history: { maxAgeMs: 60_000 } });
    const write = async (key: string): Promise<void> => {
      const done = store.commit([put(key)]);
      await log.finish();
      await done;
    };
    await write('/a');
    await write('/b');
    await clock.advance(50_000);
    await write('/c');
    await clock.advance(20_000);
    await write('/d');
    expect(store.compactedRevision).toBe(2);
  });

  test('happens by itself when the history has too many bytes', async () => {
    const { store, log } = open({ history: { maxBytes: 10_000 } });
    for (let count = 0; count < 30; count++) {
      const done = store.commit([put('/a', 'x'.repeat(1000))]);
      await log.finish();
      await done;
    }
    const kept = store.revision - store.compactedRevision;
    expect(kept).toBeGreaterThan(7);
    expect(kept).toBeLessThan(12);
  });
});
