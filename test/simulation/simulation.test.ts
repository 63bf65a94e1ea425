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

/** Runs the simulation as a user does; also one that fails has something to say. */
async function simulate(
  ...args: readonly string[]
): Promise<{ readonly lines: readonly string[]; readonly code: number }> {
  const command = [path.join(import.meta.dirname, '../../scripts/simulate.mjs'), ...args];
  const { stdout, code } = await promisify(execFile)(process.execPath, command, { maxBuffer: 2 ** 26 }).then(
    (done) => ({ stdout: done.stdout, code: 0 }),
    (error: { readonly stdout?: string; readonly code?: number }) => ({
      stdout: error.stdout ?? '',
      code: error.code ?? 1,
    }),
  );
  return { lines: stdout.trimEnd().split('\n'), code };
}

/** What users, machines and the network do to a cluster: without any of these less is proven than is said. */
const MUST_HAPPEN = [
  'refuse',
  'conflict',
  'lose: and it was done',
  'delay',
  'late',
  'drop',
  'decides from a stale cache',
  'killed after a write: statefulset',
  'killed at rest: statefulset',
  'killed after a write: others',
  'killed at rest: others',
  'killed after a write: node',
  'killed at rest: node',
  'node lost',
  'node back',
  'done: rebootNode',
  'done: powerOff',
  'runs crash',
  'runs hang',
  'runs slow',
  'struck: crashPod',
  'struck: unreadyPod',
  'struck: holdPod',
  'claim deleted under a pod',
  'done: scale',
  'done: template',
  'done: partition',
  'done: maxUnavailable',
  'done: strategy',
  'done: minReadySeconds',
  'done: start',
  'done: retention',
  'done: deletePod',
  'done: forcePod',
  'done: evictPod',
  'done: finalizer',
  'done: orphanPod',
  'done: relabel',
  'done: editClaim',
  'done: editRevision',
  'done: editStatus',
  'done: deleteSet',
] as const;

describe('simulation', () => {
  test(`M8 O1 O5 O10 C2 S1 ${SEEDS} clusters with faults keep every rule and come to rest`, async () => {
    const { lines, code } = await simulate('--seeds', String(SEEDS));
    expect(lines.at(-1), lines.join('\n')).toBe(`${SEEDS} seeds, 0 failed`);
    expect(code).toBe(0);
    const happened = new Set(lines.map((line) => /^ {2}(.+): [1-9]\d*$/.exec(line)?.[1]));
    expect(MUST_HAPPEN.filter((what) => !happened.has(what))).toEqual([]);
  }, 600_000); // Less than a minute on two idle processors; a machine that does other things may take its time.

  test('a mistake can be looked at: its first failures are shown, with the command that replays each', async () => {
    const mistake = ['--mutant', 'O4 makes one pod too many'];
    const { lines, code } = await simulate('--seeds', '4', ...mistake);
    expect(code).toBe(1);
    expect(lines.at(-1)).toMatch(/^4 seeds, [1-4] failed$/);
    const replay = /^replay: npm run simulate -- --from (\d+) --keep '([\d,]*)' --mutant 'O4 makes one pod too many'$/;
    const [, seed = '', kept = ''] = lines.map((line) => replay.exec(line)).find((match) => match !== null) ?? [];
    const again = await simulate('--from', seed, '--keep', kept, ...mistake);
    expect(again).toMatchObject({ code: 1 });
    expect(again.lines.at(-1)).toMatch(/^1 seeds, 1 failed: O4: /);
  });

  test('what makes no sense is refused: where nothing is run, nothing fails', async () => {
    for (const args of [
      ['--seeds', 'all'],
      ['--seeds', '2', '--from', 'one'],
    ]) {
      expect(await simulate(...args)).toEqual({ code: 1, lines: [''] });
    }
  });

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
