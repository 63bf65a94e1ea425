import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = path.join(import.meta.dirname, '..', '..');
let copy: string;
let compiledFile: string;

beforeAll(() => {
  copy = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-package-'));
  for (const name of ['bin', 'dist/bin', 'package.json']) {
    fs.cpSync(path.join(root, name), path.join(copy, name), { recursive: true });
  }
  fs.symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
  const directory = path.join(copy, 'dist', 'bin');
  const compiled = fs.readdirSync(directory).filter((name) => name.includes(`${process.version}-${process.arch}`));
  expect(compiled).toHaveLength(1);
  compiledFile = path.join(directory, compiled[0]!);
});
afterAll(() => fs.rmSync(copy, { recursive: true, force: true }));

function version(): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [path.join(copy, 'bin', 'berth.js'), '--version'], {
    encoding: 'utf8',
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trim();
}

test('the program starts with the code that was compiled at the build', () => {
  const program = JSON.stringify(path.join(copy, 'bin', 'program.js'));
  const look = `process.argv.push('--version');
    require('node:v8').setFlagsFromString('--interrupt-budget=540672');
    const { readCompiled, readSource, runScript } = require(${program});
    const source = readSource();
    console.error(runScript(source, readCompiled(source)).cachedDataRejected);`;
  const { stderr } = spawnSync(process.execPath, ['-e', look, 'berth'], { encoding: 'utf8' });
  expect(stderr.trim()).toBe('false');
});

test('without compiled code, or when it is damaged or from elsewhere, the program is the same', () => {
  const { version: expected } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    version: string;
  };
  const healthy = fs.readFileSync(compiledFile);
  const garbled = Buffer.from(healthy);
  for (let index = 5000; index < garbled.length; index += 5000) garbled[index]! ^= 1;
  for (const bytes of [healthy, garbled, healthy.subarray(0, 100_000), Buffer.alloc(0), Buffer.from('abc')]) {
    fs.writeFileSync(compiledFile, bytes);
    expect(version()).toBe(expected);
  }
  fs.writeFileSync(compiledFile, healthy);
  // Other flags than at the build: V8 does not take it.
  const program = path.join(copy, 'bin', 'berth.js');
  const output = execFileSync(process.execPath, ['--no-lazy-feedback-allocation', program, '--version']);
  expect(output.toString().trim()).toBe(expected);
  fs.rmSync(compiledFile);
  expect(version()).toBe(expected);
  fs.mkdirSync(compiledFile); // not to be read, by anybody
  expect(version()).toBe(expected);
});
