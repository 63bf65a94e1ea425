import { parentPort, workerData } from 'node:worker_threads';

import { run } from './run.ts';
import { writeScript } from './script.ts';

const { from, step, until } = workerData as { readonly from: number; readonly step: number; readonly until: number };

for (let seed = from; seed < until; seed += step) {
  const { failure } = await run(writeScript(seed));
  parentPort?.postMessage({ seed, failure });
}
