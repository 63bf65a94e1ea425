import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

/**
 * When a process began, in a form that only it has: a process id alone may belong to another one after a while, or
 * after the machine was started again. Undefined when there is no such process.
 */
export function processIdentity(pid: number): string | undefined {
  try {
    return process.platform === 'linux' ? linuxIdentity(pid) : otherIdentity(pid);
  } catch {
    return undefined;
  }
}

function linuxIdentity(pid: number): string | undefined {
  const stat = fs.readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in parentheses and may hold anything; the 22nd is the start time.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state, startTime] = [fields[0], fields[19]];
  // A zombie has ended; its parent has not noticed yet.
  if (state === 'Z' || state === 'X' || startTime === undefined) return undefined;
  return `${fs.readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()}/${startTime}`;
}

function otherIdentity(pid: number): string | undefined {
  const started = execFileSync('ps', ['-o', 'lstart=', '-p', `${pid}`], {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
  return started === '' ? undefined : started;
}
