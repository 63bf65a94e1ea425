/*
 * What one thing that waits, or is remembered, takes in memory: in the queues of the controllers, in the recorder of
 * events, and in the history of the store. Measured in this process, after garbage collection.
 *
 *   node --expose-gc bench/queues.mjs [--runs 3]
 */
import path from 'node:path';
import { ApiEventRecorder } from '../dist/client/event-recorder.js';
import { WorkQueue } from '../dist/client/work-queue.js';
import { systemClock as clock } from '../dist/platform/clock.js';
import { systemRandom as random } from '../dist/platform/random.js';
import { openLmdbStore } from '../dist/store/lmdb-store.js';
import { Figures, options } from './support/figures.mjs';
import { inNewDirectory } from './support/server.mjs';

const { runs, json } = options({});
const figures = new Figures({ json });
const quiet = { debug() {}, info() {}, warn() {}, error() {}, child: () => quiet };
const never = () => new Promise(() => {});

function usedBytes() {
  for (let round = 0; round < 3; round++) globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Adds the bytes that each of `count` things takes which `fill` makes; `fill` answers with what holds them. */
async function measure(what, count, fill) {
  const before = usedBytes();
  const holder = await fill(count);
  figures.add(what, (usedBytes() - before) / count, 'B');
  return holder;
}

const key = (number) => `default/some-object-${number}`;

for (let run = 0; run < runs; run++) {
  figures.calibrate();
  await measure('a key that waits in a work queue', 100_000, (count) => {
    const queue = new WorkQueue({ clock, handle: never });
    for (let number = 0; number < count; number++) queue.add(key(number));
    return queue;
  });
  const delayed = await measure('a key that waits for its time', 100_000, (count) => {
    const queue = new WorkQueue({ clock, handle: never });
    for (let number = 0; number < count; number++) queue.after(key(number), 3_600_000);
    return queue;
  });
  await delayed.close();
  await measure('an event that waits to be written, with its object', 4000, (count) => {
    const recorder = new ApiEventRecorder({
      client: { create: never },
      clock,
      random,
      logger: quiet,
      component: 'bench',
    });
    for (let number = 0; number < count; number++) {
      const metadata = { name: `some-object-${number}`, namespace: 'default', uid: `uid-${number}` };
      const about = { apiVersion: 'v1', kind: 'Pod', metadata };
      recorder.record({ about, type: 'Normal', reason: 'Waits', message: `some-object-${number} waits for something` });
    }
    return recorder;
  });
  await inNewDirectory(async (directory) => {
    const at = path.join(directory, 'store');
    const store = await openLmdbStore({ directory: at, logger: quiet });
    const write = (count, nameOf) => {
      const value = (revision) => ({ metadata: { resourceVersion: `${revision}` }, data: 'x'.repeat(1000) });
      const put = (_, number) => store.commit([{ type: 'put', key: nameOf(number), value }]);
      return Promise.all(Array.from({ length: count }, put));
    };
    await write(10_000, (number) => `/core/configmaps/default/${number % 10}`); // the window of recent changes is full
    await measure('a change in the history of the store', 30_000, async (count) => {
      for (let round = 0; round < count; round += 1000) {
        await write(1000, (number) => `/core/configmaps/default/${number % 10}`);
      }
      return store;
    });
    await store.close();
  });
}
figures.show();
process.exit(0);
