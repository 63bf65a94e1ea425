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

test('a log that has become too large is put aside while the server runs, and no line is lost', () => {
  const logger = fileLogger(file, 1000);
  const line = 'x'.repeat(300);
  const count = (): number => lines().length;
  while (!fs.existsSync(`${file}.1`)) logger.info(line);
  expect(count()).toBe(1);
  const before = fs.readFileSync(`${file}.1`, 'utf8').trimEnd().split('\n');
  expect(before).toHaveLength(3);
  for (let written = 0; written < 20; written++) logger.child({ written }).warn(line);
  for (const name of [file, `${file}.1`]) expect(fs.statSync(name).size).toBeLessThan(2000);
  expect(lines().at(-1)).toMatchObject({ written: 19 });
  expect(fs.statSync(file).mode & 0o777).toBe(0o600);
});

test('a log of an earlier server that is too large is put aside by the first line', () => {
  fs.writeFileSync(file, 'x'.repeat(1001));
  fileLogger(file, 1000).info('here');
  expect(lines()).toHaveLength(1);
  expect(fs.statSync(`${file}.1`).size).toBe(1001);
});
