import os from 'node:os';

import { describe, expect, test } from 'vitest';

import { type MachineState, machineState, noPressures, PressureGauge } from './pressure.ts';

const GIB = 2 ** 30;
const plenty: MachineState = {
  memoryBytes: 4 * GIB,
  disk: { available: 50 * GIB, total: 100 * GIB },
  inodes: { available: 900, total: 1000 },
  processes: { available: 30_000, total: 32_000 },
};

describe('what a node is short of', () => {
  test.each<[string, Partial<MachineState>, Partial<typeof noPressures>]>([
    ['nothing', {}, {}],
    ['memory below 100 MiB', { memoryBytes: 90 * 2 ** 20 }, { MemoryPressure: true }],
    ['not disk while 2 GiB of many are left', { disk: { available: 2 * GIB, total: 1000 * GIB } }, {}],
    ['disk below a gibibyte', { disk: { available: 0.9 * GIB, total: 1000 * GIB } }, { DiskPressure: true }],
    ['a tenth of a small disk', { disk: { available: 0.05 * GIB, total: GIB } }, { DiskPressure: true }],
    ['inodes', { inodes: { available: 5, total: 1000 } }, { DiskPressure: true }],
    ['nothing where inodes are not counted', { inodes: { available: 0, total: 0 } }, {}],
    ['process numbers', { processes: { available: 1000, total: 32_000 } }, { PIDPressure: true }],
  ])('%s', (_, state, short) => {
    const gauge = new PressureGauge();
    gauge.measured({ ...plenty, ...state }, 0);
    expect(gauge.pressures).toEqual({ ...noPressures, ...short });
  });

  test('it stays so for half a minute, and only changes are news', () => {
    const gauge = new PressureGauge();
    const short = { ...plenty, memoryBytes: 1 };
    expect(gauge.measured(plenty, 0)).toBe(false);
    expect(gauge.measured(short, 10_000)).toBe(true);
    expect(gauge.measured(short, 20_000)).toBe(false);
    expect(gauge.measured(plenty, 49_000)).toBe(false);
    expect(gauge.pressures.MemoryPressure).toBe(true);
    expect(gauge.measured(plenty, 50_000)).toBe(true);
    expect(gauge.pressures).toEqual(noPressures);
  });

  test('this machine can be measured', async () => {
    const { memoryBytes, disk, processes } = await machineState(os.tmpdir());
    expect(memoryBytes).toBeGreaterThan(0);
    expect(disk.total).toBeGreaterThanOrEqual(disk.available);
    expect(processes.total).toBeGreaterThanOrEqual(processes.available);
  });
});
