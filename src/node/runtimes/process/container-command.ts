import { accessSync, constants } from 'node:fs';
import path from 'node:path';

import { type ContainerConfig, StartError } from '../runtime.ts';
import { argumentFile } from './argument-file.ts';
import { commandLine } from './image-table.ts';
import { TOOL_PATH } from './run.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

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
  return argumentFile([
    container.workingDir ?? '/',
    env.PATH ?? DEFAULT_PATH,
    program,
    tool('setsid'),
    ...prefix,
    tool('env'),
    '-i',
    // A shell that starts something in the background makes it deaf to these; it would be so for life.
    '--default-signal=INT,QUIT',
    '--',
    ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
    program,
    ...args,
  ]);
}

/** What every program of the container finds in its environment. */
export function containerEnvironment(container: ContainerConfig): Readonly<Record<string, string>> {
  return { PATH: DEFAULT_PATH, HOME: '/root', ...(container.tty && { TERM: 'xterm' }), ...container.env };
}

const found = new Map<string, string>();

/** The path of a tool of the system. Throws when it is not installed. */
export function tool(name: string): string {
  let file = found.get(name);
  if (file === undefined) {
    file = findTool(name);
    if (file === undefined) throw new Error(`${name} is not installed on this machine`);
    found.set(name, file);
  }
  return file;
}

export function findTool(name: string): string | undefined {
  for (const directory of TOOL_PATH.split(':')) {
    const file = path.join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this one
    }
  }
  return undefined;
}
