import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

import { FifoPool, followFifo } from './fifo.ts';

test('M3 pipes are made while the program that made them for a killed agent is still at work', async () => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-fifos-'));
  try {
    const killed = new FifoPool(directory).fill().catch(() => {}); // its pipes are taken away under it
    const pool = new FifoPool(directory);
    await Promise.all([killed, pool.fill()]);
    const target = path.join(directory, 'control');
    await pool.take(target);
    expect(fs.statSync(target).isFIFO()).toBe(true);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});

test.each([
  ['is told by the system', false],
  ['is looked for, as on macOS', true],
])('M2 the end of a pipe is when its last writer has gone: it %s', async (_, looks) => {
  const { O_NONBLOCK, O_RDONLY, O_WRONLY } = fs.constants;
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-fifos-'));
  try {
    const pool = new FifoPool(directory);
    await pool.fill();
    const fifo = path.join(directory, 'events');
    await pool.take(fifo);
    const descriptor = fs.openSync(fifo, O_RDONLY | O_NONBLOCK);
    const writers = [fs.openSync(fifo, O_WRONLY), fs.openSync(fifo, O_WRONLY)];
    let said = '';
    let onSaid = (): void => {};
    let hasEnded = false;
    const until = async (text: string): Promise<void> => {
      while (said !== text) await new Promise<void>((resolve) => (onSaid = resolve));
    };
    const ended = new Promise<void>((resolve) => {
      const data = (text: string): void => {
        said += text;
        onSaid();
      };
      const end = (): void => {
        hasEnded = true;
        resolve();
      };
      followFifo(descriptor, { data, ended: end }, looks);
    });
    for (const [index, writer] of writers.entries()) {
      fs.writeSync(writer, `line ${index} ●\n`);
      await until('line 0 ●\nline 1 ●\n'.slice(0, 9 * (index + 1)));
      expect(hasEnded).toBe(false);
      fs.closeSync(writer);
    }
    await ended;
    expect(said).toBe('line 0 ●\nline 1 ●\n');
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
});
