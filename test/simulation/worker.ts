import { parentPort, workerData } from 'node:worker_threads';

import { makeMistake } from './mutants.ts';
import { run } from './run.ts';
import { writeScript } from './script.ts';

export interface Work {
  readonly from: number;
  readonly step: number;
  readonly until: number;
  /** The name of a mistake the controller makes. */
  readonly mutant: string | undefined;
}

export interface Report {
  readonly seed: number;
  readonly failure: string | undefined;
  readonly counts: ReadonlyMap<string, number>;
}

const { from, step, until, mutant } = workerData as Work;
const options = makeMistake(mutant);

// Thousands of errors are part of every run (conflicts, refusals), and nobody looks where they came from.
Error.stackTraceLimit = 0;

for (let seed = from; seed < until; seed += step) {
  const { failure, counts } = await run(writeScript(seed), options);
  parentPort?.postMessage({ seed, failure, counts } satisfies Report);
}
