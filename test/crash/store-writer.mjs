/*
 * Writes to a store from many writers until it is killed, and says on standard output what it found and what was
 * acknowledged, one JSON value a line. For store.test.ts.
 *
 *   node store-writer.mjs DIRECTORY WRITERS MAX_EVENTS RESUME_REVISION
 */
import fs from 'node:fs';
import { openLmdbStore } from '../../dist/store/lmdb-store.js';

const [directory, writers, maxEvents, resume] = process.argv.slice(2);
const say = (line) => fs.writeSync(1, `${JSON.stringify(line)}\n`);
const quiet = { debug() {}, info() {}, warn() {}, error: console.error, child: () => quiet };

const store = await openLmdbStore({ directory, logger: quiet, history: { maxEvents: Number(maxEvents) } });
const { entries, revision } = await store.list('/');

// What a watch that ended with the process would be told now.
const from = Math.max(Number(resume), store.compactedRevision);
const resumed = [];
store.watch('/', from, { events: (batch) => resumed.push(...batch.map(({ entry }) => entry.revision)), closed() {} });

say({
  revision,
  compactedRevision: store.compactedRevision,
  from,
  resumed: resumed.length,
  // Every revision once, in order, none left out.
  isWhole: resumed.every((seen, index) => seen === from + index + 1) && from + resumed.length === revision,
  entries: entries.map((entry) => [entry.key, entry.revision, entry.value.count, entry.value.revision]),
});

/** Two keys in one commit, and now and then the deletion of a third. */
async function write(writer) {
  const last = await store.get(`/first/${writer}`);
  for (let count = (last?.value.count ?? 0) + 1; ; count++) {
    const value = (revision) => ({ count, revision, padding: 'x'.repeat((count * 37) % 3000) });
    const extra = `/extra/${writer}`;
    const operations = [
      { type: 'put', key: `/first/${writer}`, value },
      { type: 'put', key: `/second/${writer}`, value },
      (await store.get(extra)) === undefined
        ? { type: 'put', key: extra, value }
        : { type: 'delete', key: extra, value },
    ];
    const committed = await store.commit(operations);
    say([Number(writer), count, committed.revision]);
  }
}

await Promise.all(Array.from({ length: Number(writers) }, (_, writer) => write(writer)));
