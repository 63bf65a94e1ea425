import { spawnSync } from 'node:child_process';
import path from 'node:path';

import { type ContainerConfig, StartError } from '../runtime.ts';
import { argumentFile } from './argument-file.ts';
import { commandLine } from './image-table.ts';
import { inTerminal } from './terminal.ts';
import { findTool, tool } from './tools.ts';

const USUAL_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Where containers find programs unless they say it themselves. The machine is their image, so it is where whoever
 * started Berth finds them: Node.js itself is often in nobody else's search path (Homebrew, nvm). What `npx` and `npm run`
 * put in front of that is not the machine's.
 */
export function searchPath(ofStarter: string, node: string): string {
  const own = ofStarter.split(':').filter((part) => path.isAbsolute(part) && !part.includes('/node_modules/'));
  return [...new Set([...own, ...USUAL_PATH.split(':'), path.dirname(node)])].join(':');
}

const DEFAULT_PATH = searchPath(process.env.PATH ?? '', process.execPath);

/**
 * The file `arguments` of a run: the working directory, the search path, the program as its user named it, and the
 * command line that becomes it, by way of tools that only change what a process is born with. `prefix` are more such
 * tools. Throws StartError when there is nothing to run.
 */
export function containerArguments(container: ContainerConfig, prefix: readonly string[]): string {
  const [program, ...args] = commandLine(container);
  const env = containerEnvironment(container);
  const values = [program, ...args, ...Object.values(env), container.workingDir ?? '/'];
  if (values.some((value) => value.includes('\0'))) {
    throw new StartError('CreateContainerError', 'a command, an argument or a variable contains a NUL character');
  }
  if (program.includes('=')) {
    throw new StartError('CreateContainerError', `the name of the program ${JSON.stringify(program)} contains "="`);
  }
  const command = [...prefix, tool('env'), '-i', ...defaultSignals(), ...assignments(container), program, ...args];
  return argumentFile([
    container.workingDir ?? '/',
    env.PATH ?? DEFAULT_PATH,
    program,
    ...newSession(),
    ...(container.tty ? inTerminal(command, false) : command),
  ]);
}

/** The command line, as far as `env`, of a program that is run beside the container's own. */
export function execArguments(container: ContainerConfig, command: readonly string[]): string[] {
  const directory = container.workingDir ?? '/';
  if (hasGnuEnv()) return [tool('env'), '-i', `--chdir=${directory}`, ...assignments(container), ...command];
  const enter = ['sh', '-c', 'cd -- "$0" && exec "$@"', directory];
  return [...enter, tool('env'), '-i', ...assignments(container), ...command];
}

/** The tools that make a program the first of a session of its own: a signal to its group is to nobody else. */
export function newSession(): string[] {
  const setsid = findTool('setsid');
  if (setsid !== undefined) return [setsid];
  const perl = findTool('perl');
  if (perl === undefined) return [];
  // The `env` that comes after it may know nothing of signals: see `defaultSignals`.
  return [perl, '-MPOSIX', '-e', '@SIG{"INT", "QUIT"} = ("DEFAULT") x 2; setsid; exec { $ARGV[0] } @ARGV', '--'];
}

/** A shell that starts something in the background makes it deaf to these signals; it would be so for life. */
function defaultSignals(): string[] {
  return hasGnuEnv() ? ['--default-signal=INT,QUIT'] : [];
}

let gnuEnv: boolean | undefined;

/** Those of other systems, and of busybox, know neither signals nor directories. */
function hasGnuEnv(): boolean {
  gnuEnv ??= spawnSync(tool('env'), ['--default-signal=INT', '--chdir=/', 'true']).status === 0;
  return gnuEnv;
}

function assignments(container: ContainerConfig): string[] {
  return ['--', ...Object.entries(containerEnvironment(container)).map(([name, value]) => `${name}=${value}`)];
}

/** What every program of the container finds in its environment. */
function containerEnvironment(container: ContainerConfig): Readonly<Record<string, string>> {
  return { PATH: DEFAULT_PATH, HOME: '/root', ...(container.tty && { TERM: 'xterm' }), ...container.env };
}
