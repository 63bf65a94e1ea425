import fs from 'node:fs';

import { readIfThere } from './files.ts';

/** Bytes of a log that were written by this time, and after the entry's before it. */
export interface LogEntry {
  readonly from: number;
  readonly to: number;
  readonly atMs: number;
}

/**
 * When the parts of a log were written, beside the log itself, which has only what the program said. One line for each
 * stretch: from, to, time.
 */
export function readLogIndex(file: string): LogEntry[] {
  const entries: LogEntry[] = [];
  for (const line of (readIfThere(file) ?? '').split('\n')) {
    const [from, to, atMs] = line.split(' ').map(Number);
    if (from !== undefined && to !== undefined && atMs !== undefined) entries.push({ from, to, atMs });
  }
  return entries;
}

/** A line is there whole or not at all, also when the disk is full. */
export function appendLogEntry(file: string, entry: LogEntry): void {
  const descriptor = fs.openSync(file, 'a', 0o600);
  try {
    const { size } = fs.fstatSync(descriptor);
    try {
      fs.writeFileSync(descriptor, formatEntry(entry));
    } catch (error) {
      fs.ftruncateSync(descriptor, size);
      throw error;
    }
  } finally {
    fs.closeSync(descriptor);
  }
}

export function writeLogIndex(file: string, entries: readonly LogEntry[]): void {
  fs.writeFileSync(`${file}.new`, entries.map(formatEntry).join(''), { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
}

function formatEntry({ from, to, atMs }: LogEntry): string {
  return `${from} ${to} ${atMs}\n`;
}

/** When the byte at `offset` was written, as well as it is known. */
export function timeAt(entries: readonly LogEntry[], offset: number): number | undefined {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.to ?? 0) <= offset) low = middle + 1;
    else high = middle;
  }
  return entries[low]?.atMs;
}
