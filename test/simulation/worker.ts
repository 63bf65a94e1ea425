import { parentPort, workerData } from 'node:worker_threads';

import { run } from './run.ts';
import { writeScript } from './script.ts';

const { from, step, until } = workerData as { readonly from: number; readonly step: number; readonly until: number };

// Thousands of errors are part of every run (conflicts, refusals), and nobody looks where they came from.
Error.stackTraceLimit = 0;

for (let seed = from; seed < until; seed += step) {
  const { failure } = await run(writeScript(seed));
  parentPort?.postMessage({ seed, failure });
}
