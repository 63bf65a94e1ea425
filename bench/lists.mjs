/*
 * Lists of 10,000 objects of 1 kB over HTTPS: all at once, in chunks of 500, by label, as a table, and only metadata.
 *
 *   node bench/lists.mjs [--runs 5] [--objects 10000]
 */
import { Figures, options } from './support/figures.mjs';
import { Client, each, inNewDirectory, startServer } from './support/server.mjs';

const { runs, objects, json } = options({ runs: 5, objects: 10_000 });
const figures = new Figures({ json });
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

await inNewDirectory(async (directory) => {
  const server = await startServer(directory);
  const client = new Client(server);
  await each(Array(objects).keys(), 64, (index) =>
    client.send('POST', CONFIG_MAPS, {
      metadata: { name: `object-${index}`, labels: { tenth: String(index % 10) } },
      data: { text: 'x'.repeat(800) },
    }),
  );
  const timed = async (what, work) => {
    const begin = performance.now();
    await work();
    figures.add(what, performance.now() - begin, 'ms');
  };
  const inChunks = async () => {
    let next = '';
    do {
      const { metadata } = await client.get(`${CONFIG_MAPS}?limit=500${next && `&continue=${next}`}`);
      next = metadata.continue ?? '';
    } while (next !== '');
  };
  for (let run = 0; run < runs; run++) {
    figures.calibrate();
    await timed(`all ${objects}`, () => client.send('GET', CONFIG_MAPS));
    await timed('in chunks of 500', inChunks);
    await timed('a tenth, by label', () => client.send('GET', `${CONFIG_MAPS}?labelSelector=tenth%3D3`));
    await timed('as a table', () =>
      client.send('GET', CONFIG_MAPS, undefined, { accept: 'application/json;as=Table;g=meta.k8s.io;v=v1' }),
    );
    await timed('only metadata', () =>
      client.send('GET', CONFIG_MAPS, undefined, {
        accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
      }),
    );
  }
  client.close();
  await server.stop();
});
figures.show();
