import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import { fileLogger } from './file-logger.ts';

let file: string;
beforeEach(() => {
  file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'berth-log-')), 'server.log');
});
afterEach(() => {
  vi.unstubAllEnvs();
  fs.rmSync(path.dirname(file), { recursive: true });
});

const lines = (): readonly unknown[] =>
  fs
    .readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('lines are JSON, in a file that only its owner can read', () => {
  fileLogger(file).child({ node: 'node-0' }).info('ready', { pods: 3 });
  expect(lines()).toEqual([expect.objectContaining({ msg: 'ready', node: 'node-0', pods: 3 })]);
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
});

test('$BERTH_LOG_LEVEL says from which level; one that does not exist is as good as none', () => {
  for (const [level, messages] of [
    ['warn', ['three']],
    ['loud', ['two', 'three']],
  ] as const) {
    vi.stubEnv('BERTH_LOG_LEVEL', level);
    fs.rmSync(file, { force: true });
    const logger = fileLogger(file);
    logger.debug('one');
    logger.info('two');
    logger.warn('three');
    expect(lines().map((line) => (line as { msg: string }).msg)).toEqual(messages);
  }
});

test.skipIf(!fs.existsSync('/dev/full'))('a disk that is full costs lines and nothing else', () => {
  fs.symlinkSync('/dev/full', file);
  const logger = fileLogger(file);
  for (let line = 0; line < 20; line++) expect(() => logger.warn('no room for this')).not.toThrow();
});
