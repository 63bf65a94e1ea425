import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    reporters: process.env.CI ? ['default', ['json', { outputFile: '.vitest/results.json' }]] : ['default'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['src/**/*.test.ts'],
          // For a machine that has other things to do: nothing here is measured by it.
          testTimeout: 60_000,
          hookTimeout: 60_000,
          setupFiles: ['test/support/fast-check-seed.ts'],
        },
      },
      { test: { name: 'simulation', include: ['test/simulation/**/*.test.ts'], testTimeout: 600_000 } },
      {
        // Real processes, sockets, mounts: one file at a time, so that they do not measure each other.
        test: {
          name: 'e2e',
          include: ['test/{e2e,conformance,crash}/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
