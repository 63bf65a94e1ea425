/*
 * From the request of a write until the last of 1,000 watchers, each with a connection of its own, has its line. The
 * write itself, which is acknowledged when it is durable, is a part of it, and shown beside it.
 *
 *   node bench/watches.mjs [--runs 20] [--watchers 1000]
 */
import { Figures, options } from './support/figures.mjs';
import { Client, each, inNewDirectory, startServer } from './support/server.mjs';

const { runs, watchers, json } = options({ runs: 20, watchers: 1000 });
const figures = new Figures({ json });
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

await inNewDirectory(async (directory) => {
  const server = await startServer(directory);
  const client = new Client(server, 1);
  const { metadata } = await client.get(`${CONFIG_MAPS}?limit=1`);
  let left = 0;
  let onLast = () => {};
  const ends = [];
  await each(Array(watchers).keys(), 16, async () => {
    const end = await client.watch(`${CONFIG_MAPS}?watch=1&resourceVersion=${metadata.resourceVersion}`, (lines) => {
      left -= lines.length;
      if (left === 0) onLast();
    });
    ends.push(end);
  });
  for (let run = 0; run < runs; run++) {
    figures.calibrate();
    left = watchers;
    const last = new Promise((resolve) => {
      onLast = resolve;
    });
    const begin = performance.now();
    await client.send('POST', CONFIG_MAPS, { metadata: { name: `object-${run}` }, data: { text: 'x'.repeat(800) } });
    const writtenMs = performance.now() - begin;
    await last;
    figures.add('the write is acknowledged', writtenMs, 'ms');
    figures.add(`the last of ${watchers} watchers has it`, performance.now() - begin, 'ms');
  }
  for (const end of ends) end();
  client.close();
  await server.stop();
});
figures.show();
