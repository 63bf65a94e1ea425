import { Command } from 'commander';

import { Pods } from '../../api/kinds.ts';
import { objectPath } from '../../client/http-client.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, duration, integer, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { textOf } from '../stream-lines.ts';

interface LogsOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly container?: string;
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: number;
  readonly since?: number;
}

export function logsCommand(output: Output): Command {
  return new Command('logs')
    .description('show what a pod has written')
    .argument('<pod>', 'the name of the pod')
    .option('-f, --follow', 'go on with what it writes from now on')
    .option('-c, --container <name>', 'of this container; needed when there are several')
    .option('-p, --previous', 'of the run before this one')
    .option('--timestamps', 'with the time in front of each line')
    .option('--tail <lines>', 'only so many lines from the end', integer(0, 2 ** 31 - 1))
    .option('--since <time>', 'only what is not older than this: 30s, 5m, 1h', duration)
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText('after', '\nExamples:\n  berth logs kv-0\n  berth logs kv-0 -f --tail 10')
    .action(async (pod: string, options: LogsOptions) => {
      const name = podName(pod);
      const session = connect(options);
      try {
        const stream = await session.connection.stream(
          'GET',
          objectPath(Pods, { namespace: options.namespace, name }, 'log'),
          {
            query: {
              ...(options.container !== undefined && { container: options.container }),
              ...(options.follow && { follow: 'true' }),
              ...(options.previous && { previous: 'true' }),
              ...(options.timestamps && { timestamps: 'true' }),
              ...(options.tail !== undefined && { tailLines: String(options.tail) }),
              ...(options.since !== undefined && {
                sinceSeconds: String(Math.max(1, Math.round(options.since / 1000))),
              }),
            },
          },
        );
        for await (const text of textOf(stream)) output.text(text);
      } finally {
        session.close();
      }
    });
}

/** `kv-0`, or `pod/kv-0` as other commands print it. */
export function podName(word: string): string {
  const match = /^(?:pods?\/|po\/)?([^/]+)$/.exec(word);
  if (!match?.[1]) throw new CliError(`"${word}" is not the name of a pod`, { hint: 'as in kv-0, or pod/kv-0' });
  return match[1];
}
