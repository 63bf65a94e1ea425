/*
 * StatefulSets on the control plane alone: 100 sets of 10 replicas in order, one claim each, until all are ready, and
 * until all are gone again. Pods are reported ready from outside, over HTTPS, as soon as they are seen.
 *
 *   node bench/sets.mjs [--runs 3] [--sets 100] [--replicas 10]
 */
import { Figures, options } from './support/figures.mjs';
import { inNewDirectory, residentMb, startServer } from './support/server.mjs';
import { runSets } from './support/sets.mjs';

const { runs, sets, replicas, json } = options({ sets: 100, replicas: 10 });
const figures = new Figures({ json });
const pods = sets * replicas;

for (let run = 0; run < runs; run++) {
  figures.calibrate();
  await inNewDirectory(async (directory) => {
    const server = await startServer(directory);
    const { up, down } = await runSets(server, { sets, replicas });
    figures.add(`${pods} pods, all ready`, up.ms, 'ms');
    figures.add('pods made ready', pods / (up.ms / 1000), '/s');
    figures.add('the same, all gone', down.ms, 'ms');
    figures.add("server's processor time, ready", (up.processorMs * 1000) / pods, 'us/pod');
    figures.add("server's processor time, gone", (down.processorMs * 1000) / pods, 'us/pod');
    figures.add('memory afterwards', residentMb(server), 'MB');
    await server.stop();
  });
}
figures.show();
