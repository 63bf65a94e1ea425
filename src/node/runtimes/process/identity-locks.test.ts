import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { holderText, lockFile, lockHeld } from './identity-locks.ts';

const linux = process.platform === 'linux';

// Only Linux tells which process has a file open.
describe.runIf(linux)('who holds a lock', () => {
  let directory: string;
  const written = (stat: string): string => {
    const file = path.join(directory, 'f00d');
    const holder = holderText({ pod: 'default/kv-0', uid: 'uid-0', directory: '/data' });
    fs.writeFileSync(file, `${holder}\n${stat}\n`);
    return file;
  };
  const lock = { id: 'volume', description: 'volume pvc-1' };
  const pod = 'pod default/kv-0 (uid uid-0) of the server with its data in /data';

  beforeEach(() => {
    directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-locks-'));
  });
  afterEach(() => fs.rmSync(directory, { recursive: true, force: true }));

  test('M5 the pod that wrote itself down, while its first process lives', () => {
    const file = written(fs.readFileSync('/proc/self/stat', 'utf8').trim());
    expect(lockHeld({ lock, file, programs: `${file}.programs` }).message).toBe(`volume pvc-1 is in use by ${pod}`);
  });

  test('M5 the process that has the file open, when that pod is over', async () => {
    // The number is in use, by a process that was started at another time.
    const [before, after] = fs.readFileSync('/proc/self/stat', 'utf8').trim().split(') ');
    const fields = (after ?? '').split(' ');
    fields[19] = '1';
    const file = written(`${before}) ${fields.join(' ')}`);
    const descriptor = fs.openSync(file, 'r');
    const other = spawn('sleep', ['1000000'], { stdio: ['ignore', 'ignore', 'ignore', descriptor] });
    fs.closeSync(descriptor);
    try {
      await once(other, 'spawn');
      expect(lockHeld({ lock, file, programs: `${file}.programs` }).message).toBe(
        `volume pvc-1 is in use by process ${other.pid} (sleep); the last to have it was ${pod}`,
      );
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('M5 no cleaner of temporary files takes a lock away', () => {
    const { file, programs } = lockFile({ id: 'test of cleaners', description: 'nothing' });
    for (const one of [file, programs]) {
      expect((fs.statSync(one).mode & 0o1000) !== 0).toBe(true);
      fs.rmSync(one);
    }
  });

  test('M5 another process, when nothing is written down and nobody can be seen', () => {
    const file = path.join(directory, 'empty');
    fs.writeFileSync(file, '');
    expect(lockHeld({ lock, file, programs: `${file}.programs` }).holder).toBe('another process');
  });
});
