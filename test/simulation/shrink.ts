import { type Outcome, type RunOptions, run } from './run.ts';
import type { Script } from './script.ts';

/** Most runs that are spent on making one failure smaller. */
const MOST_RUNS = 150;

export interface Shrunk {
  readonly script: Script;
  /** The entries that are left, as indexes into those of the whole script. */
  readonly kept: readonly number[];
  readonly outcome: Outcome;
}

/**
 * The smallest script found that still fails (with whatever rule): entries are left out, in ever smaller groups, as long
 * as the rest fails too.
 */
export async function shrink(script: Script, options: RunOptions = {}): Promise<Shrunk> {
  let kept = script.entries.map((_, index) => index);
  let runs = 0;
  const fails = async (indexes: readonly number[]): Promise<boolean> => {
    if (runs >= MOST_RUNS) return false;
    runs += 1;
    return (await run(keep(script, indexes), options)).failure !== undefined;
  };
  let size = Math.ceil(kept.length / 2);
  while (size >= 1) {
    const before = kept.length;
    for (let begin = 0; begin < kept.length; ) {
      const without = [...kept.slice(0, begin), ...kept.slice(begin + size)];
      if (await fails(without)) kept = without;
      else begin += size;
    }
    // One by one as long as that helps: what is left may need each other only until another one is gone.
    if (size > 1) size = Math.ceil(size / 2);
    else if (kept.length === before) break;
  }
  const smallest = keep(script, kept);
  return { script: smallest, kept, outcome: await run(smallest, { ...options, tracing: true }) };
}

/** The script with only some of its entries, by index. */
export function keep(script: Script, indexes: readonly number[]): Script {
  const entries = script.entries.filter((_, index) => indexes.includes(index));
  return { ...script, entries };
}
