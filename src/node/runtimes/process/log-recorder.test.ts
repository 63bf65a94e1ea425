import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { VirtualClock } from '../../../platform/virtual-clock.ts';
import { readLogIndex, timeAt } from './log-index.ts';
import { LogRecorder } from './log-recorder.ts';
import { logStream } from './log-stream.ts';

describe('the log of a container', () => {
  let directory: string;
  let log: string;
  let index: string;
  let clock: VirtualClock;
  const open: LogRecorder[] = [];

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-log-'));
    log = path.join(directory, 'log');
    index = path.join(directory, 'log.index');
    clock = new VirtualClock();
    fs.writeFileSync(log, '');
  });
  afterEach(() => {
    for (const recorder of open.splice(0)) recorder.close();
    fs.rmSync(directory, { recursive: true });
  });

  const fail = (error: Error): void => expect.fail(error.message);
  const record = (limits = { keepBytes: 10_000_000, maxEntries: 1000 }, onError = fail): LogRecorder => {
    const recorder = new LogRecorder({ log, index, clock, limits, onError });
    open.push(recorder);
    return recorder;
  };
  const show = (options: { sinceMs?: number; tailLines?: number; timestamps?: boolean } = {}): Promise<string> =>
    text(logStream({ log, index, ended: Promise.resolve() }, { follow: false, timestamps: false, ...options }));

  test('P7 lines are told apart by when they were written, to the second', async () => {
    record();
    const startMs = clock.now();
    fs.appendFileSync(log, 'one\n');
    await expect.poll(() => readLogIndex(index)).toHaveLength(1);
    fs.appendFileSync(log, 'two\ntw');
    await clock.advance(1000);
    expect(readLogIndex(index)).toHaveLength(2);
    fs.appendFileSync(log, 'o and a half\n');
    await clock.advance(1000);
    const time = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000000Z`;
    expect(await show({ timestamps: true })).toBe(
      `${time(startMs)} one\n${time(startMs + 1000)} two\n${time(startMs + 1000)} two and a half\n`,
    );
    expect(await show({ sinceMs: startMs + 1 })).toBe('two\ntwo and a half\n');
    // Nothing begins in a line's middle.
    expect(await show({ sinceMs: startMs + 1001 })).toBe('');
  });

  test('P7 what was written while nobody looked has the time of the file', async () => {
    const first = record();
    fs.appendFileSync(log, 'seen\n');
    first.close();
    fs.appendFileSync(log, 'unseen\n');
    const writtenMs = Math.floor(fs.statSync(log).mtimeMs);
    record();
    expect(timeAt(readLogIndex(index), 5)).toBe(writtenMs);
    expect(readLogIndex(index)[0]).toEqual({ from: 0, to: 5, atMs: clock.now() });
  });

  test('P7 past its limit the oldest lines go, and their disk space with them', async () => {
    record({ keepBytes: 100_000, maxEntries: 1000 });
    const line = (number: number): string => `line ${String(number).padStart(94, '0')}\n`;
    let written = 0;
    for (let batch = 0; batch < 10; batch++) {
      for (let count = 0; count < 500; count++) fs.appendFileSync(log, line(written++));
      if (batch === 0) await expect.poll(() => readLogIndex(index)).not.toHaveLength(0);
      await clock.advance(1000);
    }
    // A hole is made by another program.
    await expect.poll(() => fs.statSync(log).blocks * 512).toBeLessThan(200_000);
    const lines = (await show()).split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.length).toBeGreaterThan(900);
    expect(lines.length).toBeLessThan(1600);
    expect(lines.map((text, at) => text === line(written - lines.length + at).trimEnd()).every(Boolean)).toBe(true);
    expect(await show({ tailLines: 1_000_000 })).toBe(`${lines.join('\n')}\n`);
  });

  test.runIf(process.platform === 'linux' && process.getuid?.() === 0)(
    'D3 a full disk is told once, and what was written meanwhile is noted when there is room',
    async () => {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', directory]);
      try {
        fs.writeFileSync(log, '');
        fs.writeFileSync(index, ''.padEnd(4094, '\n')); // room for two bytes more, of a line that is longer
        const errors: string[] = [];
        const recorder = record(undefined, (error) => errors.push(error.message));
        fs.writeFileSync(log, 'one\n');
        fs.writeFileSync(path.join(directory, 'filler'), Buffer.alloc(52 * 1024));
        expect(() => fs.writeFileSync(path.join(directory, 'more'), Buffer.alloc(8 * 1024))).toThrow('ENOSPC');
        await expect.poll(() => errors).toEqual([expect.stringContaining('ENOSPC')]);
        await clock.advance(3000);
        expect(errors).toHaveLength(1);
        expect(fs.statSync(index).size).toBe(4094);
        fs.rmSync(path.join(directory, 'filler'));
        await clock.advance(1000);
        expect(readLogIndex(index).at(-1)).toEqual({ from: 0, to: 4, atMs: clock.now() });
        expect(await show()).toBe('one\n');
        recorder.close();
      } finally {
        for (const recorder of open.splice(0)) recorder.close();
        execFileSync('umount', ['-l', directory]);
      }
    },
  );

  test('an index has a limit, too', async () => {
    record({ keepBytes: 10_000_000, maxEntries: 10 });
    for (let count = 0; count < 40; count++) {
      fs.appendFileSync(log, `${count}\n`);
      if (count === 0) await expect.poll(() => readLogIndex(index)).toHaveLength(1);
      await clock.advance(1000);
    }
    const entries = readLogIndex(index);
    expect(entries.length).toBeLessThanOrEqual(11);
    expect(entries.every((entry, at) => entry.from === (entries[at - 1]?.to ?? 0))).toBe(true);
    expect(entries.at(-1)?.to).toBe(fs.statSync(log).size);
  });
});
