import readline from 'node:readline/promises';
import { Command, Option } from 'commander';

import { dataDirectoryPath, serverProcess } from '../../cluster/data-directory.ts';
import { leftoverPods } from '../../cluster/leftover-pods.ts';
import { processIdentity } from '../../cluster/process-identity.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, duration } from '../options.ts';
import type { Output } from '../output.ts';

interface DownOptions {
  readonly dataDir?: string;
  readonly volumes?: boolean;
  readonly yes?: boolean;
  readonly timeout: number;
}

export function downCommand(output: Output): Command {
  return new Command('down')
    .description('end all pods gracefully, highest ordinal first, and then the cluster')
    .option(
      '--volumes',
      'also delete everything it has stored, all volumes and all objects; on a terminal it asks first, elsewhere it does not',
    )
    .option('-y, --yes', 'do not ask')
    .addOption(
      new Option('--timeout <time>', 'wait no longer than this for the end')
        .argParser(duration)
        .default(duration('5m'), '5m'),
    )
    .addOption(dataDirOption())
    .addHelpText('after', '\nWithout --volumes nothing is lost: the next berth up goes on where this one was.')
    .action(async (options: DownOptions) => {
      const directory = dataDirectoryPath(options.dataDir);
      const { endLeftoverPods, holdsCluster, removeCluster } = await import('../../cluster/teardown.ts');
      if (!holdsCluster(directory))
        throw new CliError(`there is no cluster in ${directory}`, {
          hint: 'name the directory of the cluster with --data-dir',
        });
      if (options.volumes && !options.yes) await confirm(directory);
      const deadline = Date.now() + options.timeout;
      const server = serverProcess(directory);
      if (server !== undefined) {
        output.note(`ending process ${server} and its pods, highest ordinal first`);
        askToEnd(server);
        await untilGone(server, options.timeout);
        output.line(`Berth in ${directory} has ended`);
      }
      // A server that was killed leaves its pods running.
      const timer = setTimeout(
        () => {
          const left = leftoverPods(directory).map(({ name }) => name);
          output.note(`berth: after ${options.timeout / 1000} s these pods have not ended: ${left.join(', ')}`);
          output.note('  berth down goes on with them');
          process.exit(1);
        },
        Math.max(1000, deadline - Date.now()),
      );
      const ended = await endLeftoverPods(directory, (pod) => output.line(`pod ${pod} has ended`)).finally(() =>
        clearTimeout(timer),
      );
      if (server === undefined && ended.length === 0 && !options.volumes) output.line(`nothing runs on ${directory}`);
      if (options.volumes) {
        const isGone = await removeCluster(directory);
        output.line(
          isGone
            ? `${directory} is deleted, all volumes with it`
            : `all volumes and all else that Berth kept in ${directory} is deleted; other files in there are left`,
        );
      }
    });
}

function askToEnd(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPERM')
      throw new CliError(`process ${pid} belongs to another user`, { hint: 'end it as that user, or as root' });
    if (code !== 'ESRCH') throw error; // it has just ended by itself
  }
}

async function confirm(directory: string): Promise<void> {
  if (!process.stdin.isTTY || !process.stdout.isTTY) return;
  const terminal = readline.createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await terminal.question(
      `Delete ${directory} with the data of all volumes, for good? Type yes to go on: `,
    );
    if (answer.trim() !== 'yes') throw new CliError('nothing was deleted, and nothing was ended');
  } finally {
    terminal.close();
  }
}

/** Another process's end makes no event that we could await: it is looked for. */
const LOOK_EVERY_MS = 50;

async function untilGone(pid: number, timeoutMs: number): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const identity = processIdentity(pid);
  while (identity !== undefined && processIdentity(pid) === identity) {
    if (Date.now() > deadline)
      throw new CliError(`process ${pid} is still ending its pods after ${timeoutMs / 1000} s`, {
        hint: 'berth get pods tells which',
      });
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}
