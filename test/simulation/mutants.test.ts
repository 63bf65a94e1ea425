import { afterAll, describe, expect, test } from 'vitest';

import { mutants } from './mutants.ts';
import { run } from './run.ts';
import { writeScript } from './script.ts';

/** A mistake that takes more runs to find than this is not found. */
const MOST_SEEDS = 1000;

describe('mistakes the simulation must find', () => {
  const table: string[] = [];

  test.each(mutants)('$name', async ({ name, plan, patch }) => {
    const undo = patch?.();
    let found: string | undefined;
    let seed = 0;
    while (found === undefined && seed < MOST_SEEDS) {
      seed += 1;
      found = (await run(writeScript(seed), plan && { plan })).failure;
    }
    undo?.();
    table.push(`${name}: ${found === undefined ? 'NOT FOUND' : `seed ${seed}, ${found}`}`);
    expect(found, `${name}: not found in ${MOST_SEEDS} runs`).toBeDefined();
  });

  afterAll(() => {
    console.log(['Mistakes and what found them:', ...table].join('\n  '));
  });
});
