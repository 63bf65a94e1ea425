import { execFile } from 'node:child_process';

/** Where the system's tools are: its own places first, whatever the search path of whoever started us. */
export const TOOL_PATH = ['/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', process.env.PATH]
  .filter((part) => part) // an empty part would mean the working directory
  .join(':');

/** Runs a program to its end and returns what it said. Throws with what it complained of. */
export function run(program: string, args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(program, args, { env: { PATH: TOOL_PATH, LC_ALL: 'C' } }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${program}: ${stderr.trim() || error.message}`));
    });
    if (input !== undefined) child.stdin?.end(input);
  });
}
