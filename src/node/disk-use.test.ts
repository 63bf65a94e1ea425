import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import { afterEach, describe, expect, test } from 'vitest';

import { diskUse } from './disk-use.ts';

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) fs.rmSync(directory, { recursive: true, force: true });
});

describe('P8 what has been written to the disk', () => {
  test('is counted for each directory, whatever it is called; one that is not there has none', async () => {
    const base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-disk-use-'));
    directories.push(base);
    const full = path.join(base, 'a name\twith a tab');
    const empty = path.join(base, '-empty');
    fs.mkdirSync(full);
    fs.mkdirSync(empty);
    fs.writeFileSync(path.join(full, 'data'), Buffer.alloc(300_000, 1));
    const [fullBytes = 0, emptyBytes = 0, missing] = await diskUse([full, empty, path.join(base, 'missing')]);
    expect(fullBytes).toBeGreaterThanOrEqual(300_000);
    expect(emptyBytes).toBeLessThan(300_000);
    expect(missing).toBe(0);
    expect(await diskUse([])).toEqual([]);
  });
});
