import { spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

import { type ProcessRuntime, processRuntime } from '../../src/node/runtimes/process/process-runtime.ts';
import { systemClock } from '../../src/platform/clock.ts';
import { silentLogger } from '../../src/platform/logger.ts';
import { seededRandom } from '../../src/platform/random.ts';
import { crashContainer, crashPod } from './process-runtime-pod.mjs';

/** How often an agent is killed at a moment of chance. */
const ROUNDS = Number(process.env.BERTH_CRASH_ROUNDS ?? 20);

/** What chance is made of: the same seed takes the same steps and moments. */
const SEED = Number(process.env.BERTH_CRASH_SEED ?? Date.now() % 1_000_000);
const random = seededRandom(SEED);

/**
 * Each step takes a second or so: an ordinary run takes every third, beginning with another one each time. 1 takes all:
 * with BERTH_CRASH_ROUNDS=150 more than 200 kills.
 */
const STRIDE = Number(process.env.BERTH_CRASH_STRIDE ?? 3);

/** What an agent does to the machine on a pod's way up and down, at the least. */
const LEAST_STEPS = 60;

const isRoot = process.getuid?.() === 0;

describe.skipIf(!isRoot)('an agent killed while it brings a pod up and down', () => {
  test('M3 at each step: what it left is found, nothing is there twice, nothing is lost', {
    timeout: 600_000,
  }, async () => {
    let step = 1 + Math.floor(random.next() * STRIDE);
    let kills = 0;
    for (; !(await killAtStep(step)); step += STRIDE) kills += 1;
    expect(kills).toBeGreaterThanOrEqual(Math.floor(LEAST_STEPS / STRIDE));
  });

  test('M3 at any moment', { timeout: 600_000 }, async () => {
    for (let round = 0; round < ROUNDS; round++) await killAfter(60 + random.next() * 200);
  });
});

/** True when the agent came to its end before that step. */
function killAtStep(step: number): Promise<boolean> {
  return withDirectory(async (directory, witness, lock) => {
    const ended = await runDriver(directory, [String(step), witness, lock]);
    await expectTruth(directory, witness, lock, `step ${step} (BERTH_CRASH_SEED=${SEED})`);
    return ended;
  });
}

function killAfter(ms: number): Promise<void> {
  return withDirectory(async (directory, witness, lock) => {
    await runDriver(directory, ['0', witness, lock], ms);
    await expectTruth(directory, witness, lock, `after ${ms} ms (BERTH_CRASH_SEED=${SEED})`);
  });
}

async function withDirectory<T>(work: (directory: string, witness: string, lock: string) => Promise<T>): Promise<T> {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-crash-'));
  const witness = path.join(directory, 'witness');
  fs.mkdirSync(witness);
  try {
    return await work(path.join(directory, 'node'), witness, directory);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function runDriver(directory: string, args: readonly string[], killAfterMs?: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const driver = path.join(import.meta.dirname, 'process-runtime-driver.mjs');
    const child = spawn(process.execPath, [driver, directory, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('error', reject);
    child.on('exit', (code, signal) =>
      code === 0 || signal === 'SIGKILL' ? resolve(code === 0) : reject(new Error(`${code}`)),
    );
    if (killAfterMs !== undefined) setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  });
}

/** What the next agent finds is what is there, and it can go on from it to either end. */
async function expectTruth(directory: string, witness: string, lock: string, when: string): Promise<void> {
  const runtime = processRuntime({ directory, nodeName: 'node-0', clock: systemClock, logger: silentLogger });
  await runtime.start(() => {});
  try {
    await expectOnePod(runtime, witness, lock, when);
  } finally {
    for (const { uid } of await runtime.list()) await runtime.removePod(uid);
    await runtime.close();
  }
  expect(bridgeOf(directory), `${when}: no bridge is left`).toBeUndefined();
}

async function expectOnePod(runtime: ProcessRuntime, witness: string, lock: string, when: string): Promise<void> {
  const pod = crashPod(lock);
  const [found] = await runtime.list();
  if (!found?.alive) expect(programs(witness), `${when}: a program without a pod`).toEqual([]);
  // Removed for good: whatever is started now is another life.
  if (found === undefined) fs.rmSync(path.join(witness, 'starts'), { force: true });
  const before = found?.containers[0];

  await runtime.startPod(pod);
  await runtime.startContainer(pod.uid, crashContainer(witness));
  const after = (await runtime.status(pod.uid))?.containers[0];
  if (before !== undefined && found?.alive) expect(after, `${when}: what ran goes on`).toMatchObject({ ...before });
  if (after?.state === 'exited') await runtime.startContainer(pod.uid, crashContainer(witness, 1));
  await expect.poll(() => programs(witness).length, { message: `${when}: one program` }).toBe(1);
  const starts = (readIfThere(path.join(witness, 'starts')) ?? '').split('\n').filter(Boolean);
  expect(new Set(starts).size, `${when}: each run once, not ${starts}`).toBe(starts.length);

  await runtime.removePod(pod.uid);
  expect(programs(witness), `${when}: nothing is left`).toEqual([]);
  // The identity is free again.
  await runtime.startPod({ ...pod, uid: 'next' });
  await runtime.removePod('next');
  expect(await runtime.list()).toEqual([]);
}

/** The bridge of the node, while it is there. */
function bridgeOf(directory: string): string | undefined {
  const claims = '/run/berth/bridges';
  return fs.readdirSync(claims).find((name) => readIfThere(path.join(claims, name)) === directory);
}

/** The numbers of the living processes that have the witness in their environment and are the container's program. */
function programs(witness: string): number[] {
  return fs
    .readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      const environment = readIfThere(`/proc/${pid}/environ`);
      return environment?.includes(`WITNESS=${witness}`) && readIfThere(`/proc/${pid}/cmdline`)?.includes('100000');
    })
    .map(Number);
}

function readIfThere(file: string): string | undefined {
  try {
    return fs.readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
