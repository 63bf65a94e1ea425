import { Command } from 'commander';

import { Pods } from '../../api/kinds.ts';
import { httpPodStreams } from '../../client/http-pod-streams.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { podName } from './logs.ts';

interface ExecCommandOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly container?: string;
  readonly stdin?: boolean;
  readonly tty?: boolean;
}

export function execCommand(_output: Output): Command {
  return new Command('exec')
    .description('run a command in a pod')
    .argument('<pod>', 'the name of the pod')
    .argument('<command...>', 'what to run, after --')
    .option('-c, --container <name>', 'in this container; the first when left out')
    .option('-i, --stdin', 'pass on what is typed or piped in')
    .option('-t, --tty', 'with a terminal')
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText('after', '\nExamples:\n  berth exec kv-0 -- ls /data\n  berth exec -it kv-0 -- sh')
    .action(async (podWord: string, words: string[], options: ExecCommandOptions) => {
      const command = words[0] === '--' ? words.slice(1) : words;
      if (command.length === 0) throw new CliError('which command?', { hint: `berth exec ${podWord} -- COMMAND` });
      const session = connect(options);
      try {
        const pod = await session.client.get(Pods, { namespace: options.namespace, name: podName(podWord) });
        const container = options.container ?? pod.spec.containers[0]?.name ?? '';
        const tty = options.tty === true && process.stdin.isTTY === true;
        if (options.tty && !tty) process.stderr.write('berth: the input is no terminal, so the command gets none\n');
        const running = await httpPodStreams(session.connection).exec(pod, {
          container,
          command,
          stdin: options.stdin === true,
          tty,
        });
        const restore = tty ? useTerminal(running) : () => {};
        try {
          if (running.stdin) process.stdin.pipe(running.stdin);
          running.stdout.pipe(process.stdout, { end: false });
          running.stderr?.pipe(process.stderr, { end: false });
          process.exitCode = await running.exited;
        } finally {
          restore();
          process.stdin.unpipe();
          process.stdin.pause();
          process.stdin.unref?.();
        }
      } finally {
        session.close();
      }
    });
}

/** Every key goes to the command, and it knows the size of the window. Returns what undoes it. */
function useTerminal(running: { resize(columns: number, rows: number): void }): () => void {
  const resize = (): void => running.resize(process.stdout.columns, process.stdout.rows);
  process.stdin.setRawMode(true);
  process.stdout.on('resize', resize);
  resize();
  return () => {
    process.stdin.setRawMode(false);
    process.stdout.off('resize', resize);
  };
}
