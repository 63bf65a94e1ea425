import { describe, expect, test } from 'vitest';
import { seededRandom } from '../platform/random.ts';
import { OrderedEntries } from './ordered-entries.ts';

interface Item {
  readonly key: string;
  readonly value: number;
}

const names = (items: readonly Item[]): readonly string[] => items.map(({ key }) => key);

/** What a sorted array would answer. */
function expected(sorted: readonly Item[], prefix: string, after: string): readonly Item[] {
  return sorted.filter(({ key }) => key.startsWith(prefix) && key > after);
}

function sorted(items: Iterable<Item>): readonly Item[] {
  return [...items].sort((a, b) => (a.key < b.key ? -1 : 1));
}

describe('ordered entries', () => {
  test('are what a sorted array would be, after thousands of changes', () => {
    const random = seededRandom(1);
    const entries = new OrderedEntries<Item>();
    const model = new Map<string, Item>();
    const someKey = (): string =>
      `/${'abc'[Math.floor(random.next() * 3)]}/${Math.floor(random.next() * 4)}/${Math.floor(random.next() * 900)}`;
    for (let change = 0; change < 12_000; change++) {
      const item = { key: someKey(), value: change };
      // The first half grows, the second shrinks.
      if (random.next() < (change < 7_000 ? 0.8 : 0.3)) {
        entries.set(item);
        model.set(item.key, item);
      } else {
        entries.delete(item.key);
        model.delete(item.key);
      }
      if (change % 1500 !== 1499) continue;
      const all = sorted(model.values());
      expect(entries.size).toBe(model.size);
      for (const prefix of ['', '/', '/a/', '/b/2/', '/c/3/5', '/d/', '/0']) {
        for (const after of ['', '/a/1/4', '/b/', '/b/2/77', '/c/3/50', '/z']) {
          const right = expected(all, prefix, after);
          expect(names([...entries.range(prefix, after)])).toEqual(names(right));
          expect(entries.slice(prefix, after, 10)).toEqual({ entries: right.slice(0, 10), total: right.length });
        }
      }
    }
  });

  test('can be filled at once', () => {
    const items = Array.from({ length: 2000 }, (_, value) => ({ key: `/k/${value}`, value }));
    const entries = new OrderedEntries<Item>();
    entries.set({ key: '/old', value: 0 });
    entries.fill(items);
    expect(entries.size).toBe(2000);
    expect(entries.get('/k/7')).toBe(items[7]);
    expect(entries.get('/old')).toBeUndefined();
    expect(names(entries.slice('/k/199').entries)).toEqual(names(expected(sorted(items), '/k/199', '')));
    entries.set({ key: '/k/1990a', value: 1 });
    expect(names(entries.slice('/k/1990').entries)).toEqual(['/k/1990', '/k/1990a']);
  });

  test('of keys that come in order fill their chunks', () => {
    const entries = new OrderedEntries<Item>();
    for (let value = 0; value < 5000; value++) entries.set({ key: String(value).padStart(6, '0'), value });
    expect(entries.slice('', '', 1)).toEqual({ entries: [{ key: '000000', value: 0 }], total: 5000 });
    expect(entries.slice('', '004998').total).toBe(1);
  });
});
