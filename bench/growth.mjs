/*
 * Whether cost grows in a straight line: the time and the processor time for each pod at several numbers of pods, ten
 * in each set. The last lines compare with the smallest number; they must stay within 1.5.
 *
 *   node bench/growth.mjs [--runs 1] [--most 30000]
 */
import { Figures, median, options } from './support/figures.mjs';
import { inNewDirectory, residentMb, startServer } from './support/server.mjs';
import { runSets } from './support/sets.mjs';

const { runs, most, json } = options({ runs: 1, most: 30_000 });
const figures = new Figures({ json });
const sizes = [1000, 3000, 10_000, 30_000].filter((pods) => pods <= most);
const costs = new Map(sizes.map((pods) => [pods, { ms: [], processorMs: [] }]));

for (let run = 0; run < runs; run++) {
  for (const pods of sizes) {
    figures.calibrate();
    await inNewDirectory(async (directory) => {
      const server = await startServer(directory);
      const { up, down } = await runSets(server, { sets: pods / 10, replicas: 10 });
      figures.add(`${pods} pods, ready`, up.ms / pods, 'ms/pod');
      figures.add(`${pods} pods, gone`, down.ms / pods, 'ms/pod');
      figures.add(`${pods} pods, processor time, ready`, up.processorMs / pods, 'ms/pod');
      figures.add(`${pods} pods, memory`, residentMb(server), 'MB');
      costs.get(pods).ms.push(up.ms / pods);
      costs.get(pods).processorMs.push(up.processorMs / pods);
      await server.stop();
    });
  }
}
const first = costs.get(sizes[0]);
for (const pods of sizes.slice(1)) {
  const { ms, processorMs } = costs.get(pods);
  figures.add(`${pods} pods, time against ${sizes[0]}`, median(ms) / median(first.ms), 'times');
  figures.add(
    `${pods} pods, processor time against ${sizes[0]}`,
    median(processorMs) / median(first.processorMs),
    'times',
  );
}
figures.show();
