import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';

import { FifoPool } from './fifo.ts';

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
