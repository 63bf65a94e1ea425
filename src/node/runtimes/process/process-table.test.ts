import { spawn } from 'node:child_process';
import { describe, expect, test } from 'vitest';

import { isRunning, parseStat, withFamily } from './process-identity.ts';
import { processTable, psProgram, type SystemProcess } from './process-table.ts';
import { findTool } from './tools.ts';

describe.each([
  { what: 'the table of this system', table: processTable, possible: true },
  { what: 'the program ps', table: psProgram, possible: findTool('ps') !== undefined },
])('$what', ({ table, possible }) => {
  test.skipIf(!possible)('tells of a process, its parent, its group and its environment, until it ends', async () => {
    const assignment = `BERTH_TABLE_TEST=${table === psProgram ? 'ps' : 'files'}`;
    const [name = '', value = ''] = assignment.split('=');
    const child = spawn('sleep', ['600'], { detached: true, env: { ...process.env, [name]: value } });
    await new Promise((resolve) => child.once('spawn', resolve));
    const pid = child.pid ?? 0;
    expect(table.find(pid)).toMatchObject({ pid, parent: process.pid, group: pid, session: pid, ended: false });
    expect(table.all()).toContainEqual(table.find(pid));
    expect(table.withVariable(assignment)).toEqual([pid]);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    expect(table.find(pid)).toBeUndefined();
  });
});

test('a process is found again by the line that a script has written about it where there is no /proc', () => {
  const { pid, startTime } = processTable.find(process.pid) ?? { pid: 0, startTime: '' };
  const line = `${pid} (sh) S ${'0 '.repeat(18)}${startTime}\n`;
  expect(parseStat(line)).toEqual({ pid, startTime });
  expect(isRunning(parseStat(line)!)).toBe(true);
});

test('a family is all that comes from a process, also in groups of its own', () => {
  const process = (pid: number, parent: number, group = pid, session = group): SystemProcess => {
    return { pid, parent, group, session, startTime: '', ended: false };
  };
  const all = [process(2, 1), process(3, 2), process(4, 3), process(5, 1, 4), process(6, 1, 9, 3), process(7, 1)];
  expect(withFamily([2], all).map(({ pid }) => pid)).toEqual([2, 3, 4, 5, 6]);
  expect(withFamily([7, 8], all).map(({ pid }) => pid)).toEqual([7]);
  expect(withFamily([], all)).toEqual([]);
});
