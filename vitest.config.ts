import { defineConfig } from 'vitest/config';

// For a machine that has other things to do: no test measures it, and none waits longer than for what it waits for.
const patient = { testTimeout: 300_000, hookTimeout: 300_000, expect: { poll: { timeout: 120_000 } } };

export default defineConfig({
  test: {
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.vitest/results.json' }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts'],
          ...patient,
          setupFiles: ['test/support/fast-check-seed.ts'],
        },
      },
      { test: { ...patient, name: 'mutants', include: ['test/simulation/mutants.test.ts'], testTimeout: 600_000 } },
      {
        // It fills all processors by itself: beside others both would take twice as long.
        test: {
          name: 'simulation',
          include: ['test/simulation/simulation.test.ts'],
          ...patient,
          testTimeout: 600_000,
          fileParallelism: false,
        },
      },
      {
        // Real processes, sockets, mounts: one file at a time, so that they do not measure each other.
        test: {
          name: 'e2e',
          include: ['test/{e2e,conformance,crash}/**/*.test.ts'],
          ...patient,
          fileParallelism: false,
        },
      },
    ],
  },
});
