/*
 * Durable writes a second over HTTPS, and how long each takes, from several numbers of clients that each wait for an
 * answer before they go on: objects of 1 kB are created, updated, patched and deleted. Before that as many objects as
 * `--warm` says take the same way, 64 at a time: V8 optimizes what a server does in its first ten thousand requests.
 *
 *   node bench/writes.mjs [--runs 3] [--seconds 1] [--warm 2500]
 */
import { Figures, median, options } from './support/figures.mjs';
import { Client, each, inNewDirectory, startServer } from './support/server.mjs';

const { runs, seconds, warm, json } = options({ seconds: 1, warm: 2500 });
const figures = new Figures({ json });
const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps';

const named = (name, round = 0) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { round: String(round), text: 'x'.repeat(800) },
});

/** Has each client write for as long as it takes, or until nothing is left to write; adds the figures. */
async function measure(what, clients, write) {
  const times = [];
  const begin = performance.now();
  const endMs = begin + seconds * 1000;
  await each(Array(clients).keys(), clients, async (client) => {
    for (let round = 0; round === 0 || performance.now() < endMs; round++) {
      const before = performance.now();
      if ((await write(client, round)) === false) return;
      times.push(performance.now() - before);
    }
  });
  const rate = times.length / ((performance.now() - begin) / 1000);
  const sorted = times.sort((a, b) => a - b);
  const label = `${what}, ${clients} client${clients === 1 ? '' : 's'}`;
  figures.add(label, rate, '/s');
  if (json) return;
  figures.add(`${label}, half within`, median(sorted), 'ms');
  figures.add(`${label}, 99% within`, sorted[Math.floor(sorted.length * 0.99)], 'ms');
}

async function warmUp(server) {
  const api = new Client(server, 64);
  await each(Array(warm).keys(), 64, async (index) => {
    const name = `warm-${index}`;
    await api.send('POST', CONFIG_MAPS, named(name));
    await api.send('PUT', `${CONFIG_MAPS}/${name}`, named(name, 1));
    await api.merge(`${CONFIG_MAPS}/${name}`, { data: { patched: 'yes' } });
    await api.send('DELETE', `${CONFIG_MAPS}/${name}`);
  });
  api.close();
}

for (let run = 0; run < runs; run++) {
  await inNewDirectory(async (directory) => {
    const server = await startServer(directory);
    await warmUp(server);
    for (const clients of [1, 16, 64, 256]) {
      figures.calibrate();
      const api = new Client(server, clients);
      const name = (client, round) => `c${clients}-${client}-${round}`;
      const made = [];
      // Connections are there before anything is measured.
      await each(Array(clients).keys(), clients, () => api.send('GET', '/version'));
      await measure('create', clients, async (client, round) => {
        await api.send('POST', CONFIG_MAPS, named(name(client, round)));
        made.push(name(client, round));
      });
      const own = (client) => name(client, 0);
      await measure('update', clients, (client, round) =>
        api.send('PUT', `${CONFIG_MAPS}/${own(client)}`, named(own(client), round + 1)),
      );
      await measure('patch', clients, (client, round) =>
        api.merge(`${CONFIG_MAPS}/${own(client)}`, { data: { patched: String(round) } }),
      );
      await measure('delete', clients, async () => {
        const next = made.pop();
        return next === undefined ? false : api.send('DELETE', `${CONFIG_MAPS}/${next}`);
      });
      api.close();
    }
    await server.stop();
  });
}
figures.show();
