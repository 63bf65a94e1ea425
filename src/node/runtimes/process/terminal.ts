import fs from 'node:fs';

import { childrenOf } from './process-identity.ts';
import { ps } from './process-table.ts';
import { TOOL_PATH } from './run.ts';
import { tool } from './tools.ts';

/** The `script` of macOS reads terminals and pipes, and what Node gives a child is a socket. */
const THROUGH_A_PIPE = ['bash', '-c', 'exec "$@" < <(exec cat 2>/dev/null)', 'bash'];

/**
 * The command line that runs `command` in a terminal of its own: util-linux' `script`, which passes on what comes and
 * goes. It takes a shell's line, so the line has only the numbers of variables in it, and the variables have the values.
 * With `announce` the terminal's path is written to descriptor 3 first.
 */
export function inTerminal(command: readonly string[], announce: boolean): string[] {
  if (process.platform === 'darwin') {
    const announcing = announce ? ['sh', '-c', 'tty >&3; exec "$@" 3>&-', 'sh'] : [];
    return [...THROUGH_A_PIPE, 'script', '-q', '/dev/null', ...announcing, ...command];
  }
  const line = command.map((_, index) => `"$BERTH_${index}"`).join(' ');
  return [
    ...[tool('env'), '-i', '--', `PATH=${TOOL_PATH}`, 'SHELL=/bin/sh'],
    ...command.map((value, index) => `BERTH_${index}=${value}`),
    ...[tool('script'), '--quiet', '--return', '--flush', '--echo', 'always', '--command'],
    announce ? `tty >&3; exec ${line} 3>&-` : `exec ${line}`,
    '/dev/null',
  ];
}

/** The command line that sets the size of a terminal. */
export function setSize(device: string, columns: number, rows: number): string[] {
  const named = process.platform === 'darwin' ? '-f' : '-F';
  return ['stty', named, device, 'cols', String(columns), 'rows', String(rows)];
}

/** The terminal of the program that `script` with number `pid` runs, as a path in its container. */
export function terminalOf(pid: number): string | undefined {
  if (process.platform === 'darwin') {
    // What feeds it through a pipe is its child, too.
    return childrenOf(pid)
      .flatMap((child) => ps('-p', String(child), '-o', 'tty='))
      .map((name) => `/dev/${name.trim()}`)
      .find((device) => fs.existsSync(device));
  }
  const child = childrenOf(pid)[0];
  if (child === undefined) return undefined;
  try {
    return fs.readlinkSync(`/proc/${child}/fd/0`);
  } catch {
    return undefined; // it has ended
  }
}
