import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { ControlGroups } from './control-groups.ts';

/** A directory in the place of the kernel's tree: tells what would be written there, not whether the kernel takes it. */
let tree: string;
beforeEach(() => {
  tree = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-groups-'));
  fs.writeFileSync(path.join(tree, 'cgroup.subtree_control'), '');
});
afterEach(() => fs.rmSync(tree, { recursive: true, force: true }));

function open(controllers: string): ControlGroups | undefined {
  fs.writeFileSync(path.join(tree, 'cgroup.controllers'), `${controllers}\n`);
  return ControlGroups.open('/node', [{ type: 'cgroup2', target: tree, restrictions: [] }]);
}

test('P8 version 2: limits of memory and of processor time, and whether one was met', () => {
  const groups = open('cpuset cpu io memory pids');
  const [joined = ''] = groups?.create('uid', 'main-0', { cpuMillis: 250, memoryBytes: 1024 }) ?? [];
  expect(joined).toMatch(/\/berth\/[^/]+-uid\/main-0\/cgroup\.procs$/);
  const file = (name: string): string => path.join(path.dirname(joined), name);
  expect(fs.readFileSync(file('memory.max'), 'utf8')).toBe('1024');
  expect(fs.readFileSync(file('memory.oom.group'), 'utf8')).toBe('1');
  expect(fs.readFileSync(file('cpu.max'), 'utf8')).toBe('25000 100000');
  expect(fs.readFileSync(path.join(tree, 'cgroup.subtree_control'), 'utf8')).toBe('+cpu +memory');

  fs.writeFileSync(file('memory.events'), 'max 9\noom 0\noom_kill 0\noom_group_kill 0\n');
  expect(groups?.ranOutOfMemory('uid', 'main-0')).toBe(false);
  fs.writeFileSync(file('memory.events'), 'max 9\noom 1\noom_kill 2\noom_group_kill 1\n');
  expect(groups?.ranOutOfMemory('uid', 'main-0')).toBe(true);
});

test('P8 version 2: without limits there is no group, and without the controllers there are none at all', () => {
  expect(open('cpu memory')?.create('uid', 'main-0', {})).toEqual([]);
  expect(fs.readdirSync(path.join(tree, 'berth'))).toEqual([]);
  expect(open('hugetlb')).toBeUndefined();
});
