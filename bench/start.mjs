/*
 * From asking for the process until /readyz answers, on a new directory, on one that exists, and on one with 10,000
 * objects; and the memory of a server at rest.
 *
 *   node bench/start.mjs [--runs 5] [--objects 10000]
 */
import { Figures, options } from './support/figures.mjs';
import { Client, each, inNewDirectory, processorMs, residentMb, startServer } from './support/server.mjs';

const { runs, objects, json } = options({ runs: 5, objects: 10_000 });
const figures = new Figures({ json });
const settled = () => new Promise((resolve) => setTimeout(resolve, 1000));

async function start(directory, what) {
  figures.calibrate();
  const server = await startServer(directory);
  figures.add(`start, ${what}`, server.startMs, 'ms');
  figures.add(`processor time of a start, ${what}`, processorMs(server), 'ms');
  await settled();
  figures.add(`memory at rest, ${what}`, residentMb(server), 'MB');
  await server.stop();
}

for (let run = 0; run < runs; run++) {
  await inNewDirectory(async (directory) => {
    await start(directory, 'new');
    await start(directory, 'existing');
  });
}
await inNewDirectory(async (directory) => {
  const server = await startServer(directory);
  const client = new Client(server);
  const data = { text: 'x'.repeat(800) };
  await each(Array(objects).keys(), 64, (index) =>
    client.send('POST', '/api/v1/namespaces/default/configmaps', { metadata: { name: `object-${index}` }, data }),
  );
  client.close();
  await server.stop();
  for (let run = 0; run < runs; run++) await start(directory, `${objects} objects`);
});
figures.show();
