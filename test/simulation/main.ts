import os from 'node:os';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';

import { makeMistake } from './mutants.ts';
import { type RunOptions, run } from './run.ts';
import { describeEntry, writeScript } from './script.ts';
import { keep, shrink } from './shrink.ts';
import type { Report, Work } from './worker.ts';

/** Failures that are made smaller and shown in full; the others are only named. */
const MOST_SHOWN = 3;

interface Arguments {
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  /** Only these entries of the script of one seed: the command that replays a failure has them. */
  readonly keep: readonly number[] | undefined;
  /** Part of the name of a mistake the controller makes. */
  readonly mutant: string | undefined;
}

const USAGE = `npm run simulate -- [options]

  --seeds N      how many clusters (1000)
  --from SEED    the first of them (1)
  --jobs N       how many at once (one on each processor)
  --keep I,J     replay one seed, with only these entries of its script; a failure tells them
  --mutant NAME  with a mistake in the controller, by a part of its name`;

/** Undefined when only help is asked for. Throws when the words make no sense: nothing would be run, and nothing fail. */
function readArguments(): Arguments | undefined {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1000' },
      from: { type: 'string', default: '1' },
      jobs: { type: 'string', default: String(os.availableParallelism()) },
      keep: { type: 'string' },
      mutant: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return undefined;
  return {
    seeds: wholeNumber('seeds', values.seeds, 1),
    from: wholeNumber('from', values.from, 0),
    jobs: wholeNumber('jobs', values.jobs, 1),
    keep: values.keep
      ?.split(',')
      .filter(Boolean)
      .map((index) => wholeNumber('keep', index, 0)),
    mutant: values.mutant,
  };
}

function wholeNumber(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} takes whole numbers from ${least} on, and not "${text}"`);
  return value;
}

async function main(): Promise<void> {
  const args = readArguments();
  if (args === undefined) return console.log(USAGE);
  const options = makeMistake(args.mutant);
  if (args.keep !== undefined) return replay(args.from, args.keep, options);
  const { failed, counts } = await runAll(args);
  for (const { seed } of failed.slice(0, MOST_SHOWN)) await show(seed, args.mutant, options);
  for (const { seed, failure } of failed.slice(MOST_SHOWN)) console.log(`seed ${seed}: ${failure}`);
  console.log('What happened, and how often:');
  for (const [what, count] of [...counts].sort()) console.log(`  ${what}: ${count}`);
  console.log(`${args.seeds} seeds, ${failed.length} failed`);
  if (failed.length > 0) process.exitCode = 1;
}

interface Failed {
  readonly seed: number;
  readonly failure: string;
}

interface Results {
  readonly failed: readonly Failed[];
  readonly counts: ReadonlyMap<string, number>;
}

async function runAll({ seeds, from, jobs, mutant }: Arguments): Promise<Results> {
  const failed: Failed[] = [];
  const counts = new Map<string, number>();
  let done = 0;
  const report = setInterval(() => console.error(`${done} of ${seeds} seeds, ${failed.length} failed`), 10_000);
  const work = (job: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const workerData: Work = { from: from + job, step: jobs, until: from + seeds, mutant };
      const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData });
      worker.on('message', ({ seed, failure, counts: more }: Report) => {
        done += 1;
        if (failure !== undefined) {
          failed.push({ seed, failure });
          // A long run may be ended before it tells more.
          console.error(`seed ${seed}: ${failure}`);
        }
        for (const [what, count] of more) counts.set(what, (counts.get(what) ?? 0) + count);
      });
      worker.on('error', reject);
      worker.on('exit', () => resolve());
    });
  try {
    await Promise.all(Array.from({ length: Math.min(jobs, seeds) }, (_, job) => work(job)));
  } finally {
    clearInterval(report);
  }
  if (done !== seeds) throw new Error(`only ${done} of ${seeds} seeds were run`);
  return { failed: failed.sort((a, b) => a.seed - b.seed), counts };
}

async function show(seed: number, mutant: string | undefined, options: RunOptions): Promise<void> {
  const { script, kept, outcome } = await shrink(writeScript(seed), options);
  console.log(`seed ${seed} fails: ${outcome.failure}`);
  console.log(`  begins with ${JSON.stringify(script.beginning)}`);
  for (const entry of script.entries) console.log(`  ${(entry.atMs / 1000).toFixed(3)} s: ${describeEntry(entry)}`);
  for (const line of outcome.trace) console.log(`  ${line}`);
  const mistake = mutant === undefined ? '' : ` --mutant '${mutant}'`;
  console.log(`replay: npm run simulate -- --from ${seed} --keep '${kept.join(',')}'${mistake}\n`);
}

async function replay(seed: number, kept: readonly number[], options: RunOptions): Promise<void> {
  const { failure, trace } = await run(keep(writeScript(seed), kept), { ...options, tracing: true });
  for (const line of trace) console.log(line);
  console.log(failure === undefined ? '1 seeds, 0 failed' : `1 seeds, 1 failed: ${failure}`);
  if (failure !== undefined) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
