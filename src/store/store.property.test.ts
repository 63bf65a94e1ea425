import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { silentLogger } from '../platform/logger.ts';
import { put, RecordingWatcher, remove, type TestValue } from './contract.ts';
import { openLmdbStore } from './lmdb-store.ts';
import { memoryStore } from './memory-store.ts';
import { CompactedError, PreconditionError, type Store } from './store.ts';

/** The store as one would write it without a thought of cost: the whole state of every revision. */
class Model {
  /** `states[r]` is what there is at revision r. */
  readonly states: ReadonlyMap<string, TestValue & { readonly at: number }>[] = [new Map()];
  readonly lines: string[] = [];
  compacted = 0;

  get revision(): number {
    return this.states.length - 1;
  }

  put(key: string, data: string): void {
    const revision = this.revision + 1;
    this.states.push(new Map(this.states.at(-1)).set(key, { data, revision, at: revision }));
    this.lines.push(`put ${key} ${revision}`);
  }

  remove(key: string): void {
    const state = new Map(this.states.at(-1));
    state.delete(key);
    this.states.push(state);
    this.lines.push(`delete ${key} ${this.revision}`);
  }

  list(prefix: string, revision: number): readonly string[] {
    return [...(this.states[revision] ?? [])]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, { data, at }]) => `${key}=${data}@${at}`)
      .sort();
  }

  events(prefix: string, after: number): readonly string[] {
    return this.lines.slice(after).filter((line) => line.split(' ')[1]?.startsWith(prefix));
  }
}

const keys = ['/a/x', '/a/xy', '/a/y/1', '/b/x', '/b/y', '/ab/x'];
const prefixes = ['', '/', '/a/', '/a/x', '/a/y/', '/b/', '/c/'];
const key = fc.constantFrom(...keys);
const prefix = fc.constantFrom(...prefixes);
/** Where between the oldest known revision and the newest. */
const where = fc.double({ min: 0, max: 1, noNaN: true });

type Step =
  | { readonly type: 'commit'; readonly writes: readonly { readonly key: string; readonly remove: boolean }[] }
  | { readonly type: 'list'; readonly prefix: string; readonly where: number; readonly limit: number }
  | { readonly type: 'watch'; readonly prefix: string; readonly where: number }
  | { readonly type: 'compact'; readonly where: number }
  | { readonly type: 'settle' }
  | { readonly type: 'reopen' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('commit' as const),
      writes: fc.array(fc.record({ key, remove: fc.boolean() }), { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('list' as const), prefix, where, limit: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('watch' as const), prefix, where }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('compact' as const), where }) },
  { weight: 3, arbitrary: fc.constant({ type: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ type: 'reopen' as const }) },
);

async function run(steps: readonly Step[], open: () => Promise<Store>, canReopen: boolean): Promise<void> {
  const model = new Model();
  let store = await open();
  let commits: Promise<unknown>[] = [];
  let watches: { readonly prefix: string; readonly from: number; readonly watcher: RecordingWatcher }[] = [];
  const settle = async (): Promise<void> => {
    await Promise.all(commits);
    commits = [];
    expect(store.revision).toBe(model.revision);
    for (const { prefix, from, watcher } of watches) expect(watcher.lines).toEqual(model.events(prefix, from));
  };
  const revisionAt = (fraction: number): number =>
    store.compactedRevision + Math.round(fraction * (store.revision - store.compactedRevision));
  try {
    for (const step of steps) {
      switch (step.type) {
        case 'commit':
          commits.push(commit(store, model, step.writes));
          break;
        case 'list':
          await checkList(store, model, step.prefix, revisionAt(step.where), step.limit);
          break;
        case 'watch': {
          const from = revisionAt(step.where);
          const watcher = new RecordingWatcher();
          store.watch(step.prefix, from, watcher);
          watches.push({ prefix: step.prefix, from, watcher });
          break;
        }
        case 'compact': {
          const revision = revisionAt(step.where);
          await store.compact(revision);
          model.compacted = Math.max(model.compacted, revision);
          expect(store.compactedRevision).toBe(model.compacted);
          if (model.compacted > 0) {
            const tooOld = { revision: model.compacted - 1 };
            await expect(store.list('/', tooOld)).rejects.toBeInstanceOf(CompactedError);
          }
          break;
        }
        case 'settle':
          await settle();
          break;
        case 'reopen':
          await settle();
          if (!canReopen) break;
          await store.close();
          watches = [];
          store = await open();
          expect(store.compactedRevision).toBe(model.compacted);
          break;
      }
    }
    await settle();
    for (const prefix of prefixes) await checkList(store, model, prefix, store.revision, 3);
  } finally {
    await store.close();
  }
}

/** Commits with preconditions on all that is written, right or wrong as the model has it. */
function commit(
  store: Store,
  model: Model,
  writes: readonly { readonly key: string; readonly remove: boolean }[],
): Promise<unknown> {
  const before = model.states.at(-1);
  const revisionOf = (name: string): number => before?.get(name)?.at ?? 0;
  const isThere = new Set(before?.keys());
  const possible = writes.filter(({ key, remove }) => {
    if (remove && !isThere.has(key)) return false;
    if (remove) isThere.delete(key);
    else isThere.add(key);
    return true;
  });
  const preconditions = possible.map(({ key }) => ({ key, revision: revisionOf(key) }));
  const operations = possible.map(({ key, remove: isRemoval }) => (isRemoval ? remove(key) : put(key, `${key}!`)));
  const wrong = store.commit(operations, [...preconditions, { key: '/a/x', revision: revisionOf('/a/x') + 1 }]);
  const right = store.commit(operations, preconditions);
  for (const { key, remove } of possible) {
    if (remove) model.remove(key);
    else model.put(key, `${key}!`);
  }
  return Promise.all([right, expect(wrong).rejects.toBeInstanceOf(PreconditionError)]);
}

async function checkList(store: Store, model: Model, prefix: string, revision: number, limit: number): Promise<void> {
  const expected = model.list(prefix, revision);
  const found: string[] = [];
  for (let after: string | undefined; ; ) {
    const { entries, remaining } = await store.list(prefix, { revision, limit, ...(after !== undefined && { after }) });
    for (const entry of entries) {
      const value = entry.value as TestValue;
      expect(value.revision).toBe(entry.revision);
      expect(JSON.parse(entry.json().toString())).toEqual(value);
      found.push(`${entry.key}=${value.data}@${entry.revision}`);
    }
    expect(remaining).toBe(expected.length - found.length);
    after = entries.at(-1)?.key;
    if (remaining === 0) break;
  }
  expect(found).toEqual(expected);
}

describe('any order of commits, lists, watches and compactions gives what the model gives', () => {
  const steps = fc.array(step, { maxLength: 60 });

  test('in memory', async () => {
    const open = async (): Promise<Store> => memoryStore();
    await fc.assert(
      fc.asyncProperty(steps, (plan) => run(plan, open, false)),
      { numRuns: 300 },
    );
  });

  test('in LMDB, opened again at any point', async () => {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-store-'));
    let count = 0;
    try {
      await fc.assert(
        fc.asyncProperty(steps, (plan) => {
          const directory = path.join(base, `${count++}`);
          return run(plan, () => openLmdbStore({ directory, logger: silentLogger }), true);
        }),
        { numRuns: 60 },
      );
    } finally {
      fs.rmSync(base, { recursive: true, force: true });
    }
  });
});
