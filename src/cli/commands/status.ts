import { Command, Option } from 'commander';

import { Nodes } from '../../api/kinds.ts';
import { dataDirectoryPath, readServerStatus } from '../../cluster/data-directory.ts';
import { leftoverPods } from '../../cluster/leftover-pods.ts';
import { podDnsAddress } from '../../cluster/pod-dns.ts';
import { connect } from '../connect.ts';
import { NOT_RUNNING, notRunning } from '../not-running.ts';
import { dataDirOption } from '../options.ts';
import { formatTable, type Output, toJson } from '../output.ts';

export function statusCommand(output: Output): Command {
  return new Command('status')
    .description('tell whether a cluster runs, with its addresses and nodes, or which pods run without a server')
    .addOption(new Option('-o, --output <format>', 'how to show it').choices(['json']))
    .addOption(dataDirOption())
    .addHelpText('after', `\nThe exit code is ${NOT_RUNNING} when none runs.\n\nExample:\n  berth status -o json`)
    .action(async (options: { readonly dataDir?: string; readonly output?: 'json' }) => {
      const directory = dataDirectoryPath(options.dataDir);
      const status = readServerStatus(directory);
      if (status === undefined) {
        if (options.output !== 'json') throw notRunning(directory, NOT_RUNNING);
        output.text(toJson({ running: false, dataDir: directory, pods: leftoverPods(directory) }));
        process.exitCode = NOT_RUNNING;
        return;
      }
      const session = connect(options);
      try {
        const { items } = await session.client.list(Nodes);
        const nodes = items.map((node) => ({
          name: node.metadata.name,
          ready: node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false,
          podCIDR: node.spec.podCIDR,
          dns: podDnsAddress(status.dataDir, node),
          addresses: (node.status?.addresses ?? []).map(({ address }) => address),
          limitations: (node.status?.conditions ?? [])
            .filter(({ type, status }) => type.startsWith('berth.dev/') && status !== 'True')
            .flatMap(({ message = '' }) => message.split('; ')),
        }));
        if (options.output === 'json') {
          output.text(toJson({ running: true, ...status, nodes }));
          return;
        }
        for (const line of formatTable(
          [],
          [
            ['API', status.apiServer],
            ['DNS', status.dns],
            ['kubeconfig', status.kubeconfig],
            ['data', status.dataDir],
            ['process', `${status.pid}, since ${status.startedAt}`],
            ['runtime', status.isolation],
            ['version', status.version],
          ],
        ))
          output.line(line);
        output.line();
        for (const line of formatTable(
          ['NODE', 'STATUS', 'PODS FROM', 'THEIR DNS'],
          nodes.map((node) => [
            node.name,
            node.ready ? 'Ready' : 'NotReady',
            node.podCIDR ?? '-',
            node.dns ?? status.dns,
          ]),
        ))
          output.line(line);
        for (const limitation of new Set(nodes.flatMap((node) => node.limitations)))
          output.line(`limited: ${limitation}`);
      } finally {
        session.close();
      }
    });
}
