import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

import { describe, expect, test } from 'vitest';

import { Pods } from '../../src/api/kinds.ts';
import type { Client } from '../../src/client/client.ts';
import { settle, VirtualClock } from '../../src/platform/virtual-clock.ts';
import { mutants } from './mutants.ts';
import { run } from './run.ts';
import { writeScript } from './script.ts';
import { keep, shrink } from './shrink.ts';
import { Standstill } from './standstill.ts';

const SEEDS = 2000;
const simulate = path.join(import.meta.dirname, '../../scripts/simulate.mjs');

describe('simulation', () => {
  test(`M8 O1 O5 C2 S1 ${SEEDS} clusters with faults keep every rule and come to rest`, async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [simulate, '--seeds', String(SEEDS)]).catch(
      (error: { readonly stdout?: string }) => ({ stdout: String(error.stdout) }),
    );
    expect(stdout.trim().split('\n').at(-1), stdout).toBe(`${SEEDS} seeds, 0 failed`);
  }, 600_000); // A minute on two idle processors; a machine that does other things may take its time.

  test('one seed is one run: it goes the same way every time', async () => {
    const script = writeScript(7);
    expect(writeScript(7)).toEqual(script);
    const [first, second] = [await run(script, { tracing: true }), await run(script, { tracing: true })];
    expect(first.trace.length).toBeGreaterThan(20);
    expect(second.trace).toEqual(first.trace);
  });

  test('parts that write against each other while time stands still are named', async () => {
    const failures: string[] = [];
    const pods = { get: async () => ({}), patch: async () => ({}) } as unknown as Client;
    const standstill = new Standstill(new VirtualClock(), (message) => failures.push(message));
    const key = { namespace: 'default', name: 'web-0' };
    const patch = { type: 'merge', body: {} } as const;
    const against = async (client: Client): Promise<never> => {
      for (;;) await client.patch(Pods, key, patch, { subresource: 'status' });
    };
    for (const part of ['others', 'node-0']) void against(standstill.client(part, pods));
    await settle();
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatch(/^livelock: .*node-0 patch pod web-0 status \(\d+ times\)/);
    expect(failures[0]).toContain('others patch pod web-0 status');
  });

  test('a failure is made smaller, and what is left fails in the same way when it is replayed', async () => {
    const { plan } = mutants.find(({ name }) => name.startsWith('U1 ignores the partition')) ?? {};
    const options = plan === undefined ? {} : { plan };
    let seed = 1;
    while ((await run(writeScript(seed), options)).failure === undefined) seed += 1;
    const whole = writeScript(seed);
    const { script, kept, outcome } = await shrink(whole, options);
    expect(script.entries.length).toBeLessThan(whole.entries.length);
    expect(script.entries.map((entry) => entry.do)).toContain('partition');
    expect(outcome.failure).toMatch(/below the partition/);
    expect(outcome.trace.at(-1)).toContain('VIOLATION');
    const again = await run(keep(whole, kept), { ...options, tracing: true });
    expect(again).toEqual(outcome);
  });
});
