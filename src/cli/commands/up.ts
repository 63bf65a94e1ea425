import { Command, Option } from 'commander';

import type { Pod } from '../../api/generated/types.ts';
import { StatefulSets } from '../../api/kinds.ts';
import type { Cluster, ClusterOptions } from '../../cluster/cluster.ts';
import { dataDirectoryPath } from '../../cluster/data-directory.ts';
import { type Applied, applyManifests } from '../apply.ts';
import { announceToParent, detach, isDetached } from '../detach.ts';
import { type ManifestSource, readManifests } from '../manifests.ts';
import { address, backOff, dataDirOption, duration, filesOption, integer, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { displayName } from '../resources.ts';
import { shellWord } from '../shell-word.ts';
import type { UpOptions } from '../up-options.ts';
import { version } from '../version.ts';
import { startView, type View } from '../view/view.ts';
import { wrap } from '../view/wrap.ts';

export function upCommand(output: Output): Command {
  return new Command('up')
    .description('start a cluster on this machine, and run what the manifests say')
    .addOption(filesOption())
    .addOption(dataDirOption())
    .addOption(
      new Option(
        '--runtime <runtime>',
        'what pods run as: real processes, or nothing at all (pods become ready by themselves)',
      )
        .choices(['process', 'simulated'])
        .default('process'),
    )
    .addOption(
      new Option('--isolation <level>', 'how far pods are kept apart; auto takes the most that this machine allows')
        .choices(['auto', 'namespaces', 'user', 'processes'])
        .default('auto'),
    )
    .option(
      '--shared-address',
      'pods without a network of their own all have 127.0.0.1, and ports that Berth gives them ($BERTH_PORT_<NUMBER>); ' +
        'so they have anyway where the machine has no other addresses for them',
    )
    .option('--nodes <number>', 'how many nodes; 0 runs the control plane alone', integer(0, 64), 1)
    .addOption(
      new Option('--node-monitor-grace-period <time>', 'how long a node may be silent before it counts as lost')
        .argParser(duration)
        .default(duration('40s'), '40s'),
    )
    .addOption(
      new Option(
        '--restart-back-off <times>',
        'how long a container that keeps ending waits for its next start: the first wait, which doubles each time, the ' +
          'longest one, and the length of a run that counts as well again',
      )
        .argParser(backOff)
        .default(backOff('10s,5m,10m'), '10s,5m,10m'),
    )
    .option(
      '--api-address <address>',
      'address of the API; 0.0.0.0 lets everybody in who reaches this machine and has credentials',
      address,
      '127.0.0.1',
    )
    .option('--api-port <port>', 'port of the API; 0 takes a free one', integer(0, 65_535), 6443)
    .option('--dns-port <port>', 'port of the DNS server on 127.0.0.1; 0 takes a free one', integer(0, 65_535), 10053)
    .option('-d, --detach', 'return when all that was applied is ready, and go on running')
    .addOption(
      new Option('--timeout <time>', 'with --detach: wait no longer than this')
        .argParser(duration)
        .default(duration('2m'), '2m'),
    )
    .addOption(namespaceOption())
    .addHelpText(
      'after',
      `
Ctrl-C ends all pods gracefully, highest ordinal first. Their data stays, and the next up goes on where it was.

Examples:
  berth up -f examples/kv.yaml
  berth up -f manifests/ --nodes 3
  berth up --detach -f examples/redis.yaml --timeout 1m`,
    )
    .action(async (options: UpOptions) => {
      if (options.detach && !isDetached()) return detach(options, output);
      // Everything that can be wrong with the files is said before anything starts.
      await run(readManifests(options.filename ?? []), options, output);
    });
}

async function run(sources: readonly ManifestSource[], options: UpOptions, output: Output): Promise<void> {
  // Loaded here, so that the other commands do not wait for what only this one needs.
  const { startCluster } = await import('../../cluster/cluster.ts');
  const clusterOptions: Omit<ClusterOptions, 'prepare'> = {
    ...(options.dataDir !== undefined && { dataDir: options.dataDir }),
    runtime: options.runtime,
    isolation: options.isolation,
    sharedAddress: options.sharedAddress ?? false,
    nodes: options.nodes,
    nodeGraceMs: options.nodeMonitorGracePeriod,
    restartBackOff: options.restartBackOff,
    apiAddress: options.apiAddress,
    apiPort: options.apiPort,
    dnsPort: options.dnsPort,
    version: version(),
  };
  const ended = untilEnded();
  let applied: readonly Applied[] = [];
  const starting = startCluster({
    ...clusterOptions,
    // Before any node starts: a mistake in a file must not touch what already runs.
    prepare: async (client) => {
      applied = await applyManifests(client, sources, { namespace: options.namespace });
    },
  });
  // Ctrl-C also ends the programs that a start runs, which then fails for no other reason.
  const unlessAsked = (error: unknown): undefined => {
    if (!ended.isAsked()) throw error;
  };
  const cluster = await Promise.race([starting.catch(unlessAsked), ended.whileStarting]);
  if (cluster === undefined) {
    output.note('berth: ended before it had started; pods that run go on: berth up adopts them, berth down ends them');
    process.exit(1);
  }
  let view: View | undefined;
  try {
    if (isDetached()) announceToParent({ status: cluster.status, applied });
    else {
      say(cluster, applied, output);
      view = await startView(cluster.informers, applied, output, { hint: await usage(cluster, applied) });
    }
    await ended.first;
    view?.close();
    view = undefined;
    if (!isDetached())
      output.note('\nending all pods, highest ordinal first; their data stays (Ctrl-C again leaves them running)');
    const onEnded = (pod: Pod): void => output.line(`pod ${pod.metadata.name} has ended`);
    const left = ended.second.then(async () => {
      await cluster.stop({ pods: 'leave' });
      output.note('what has not ended yet runs on: berth up adopts it, berth down ends it');
    });
    await Promise.race([cluster.stop({ pods: 'end', onEnded }), left]);
  } catch (error) {
    view?.close();
    // Nobody would be left to end it.
    await cluster.stop({ pods: 'leave' });
    throw error;
  }
  process.exit(0);
}

/** A signal so soon after the first is the same one: npm and shells pass on what the whole group got already. */
const SAME_SIGNAL_MS = 1000;

/** So long may a start take that somebody has asked to end; what has started ends in good order. */
const START_PATIENCE_MS = 10_000;

interface Endings {
  /** The first time somebody asks this process to end. */
  readonly first: Promise<void>;
  isAsked(): boolean;
  readonly second: Promise<void>;
  /** When a start cannot be waited for any longer. */
  readonly whileStarting: Promise<undefined>;
}

function untilEnded(): Endings {
  let onFirst = (): void => {};
  let onSecond = (): void => {};
  const first = new Promise<void>((resolve) => {
    onFirst = resolve;
  });
  const second = new Promise<void>((resolve) => {
    onSecond = resolve;
  });
  let firstAtMs: number | undefined;
  const asked = (): void => {
    firstAtMs ??= performance.now();
    onFirst();
    if (performance.now() - firstAtMs > SAME_SIGNAL_MS) onSecond();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, asked);
  const patience = first.then(() => new Promise<void>((resolve) => setTimeout(resolve, START_PATIENCE_MS).unref()));
  const isAsked = (): boolean => firstAtMs !== undefined;
  return { first, second, isAsked, whileStarting: Promise.race([second, patience]).then(() => undefined) };
}

function say(cluster: Cluster, applied: readonly Applied[], output: Output): void {
  const { apiServer, dns, dataDir, isolation } = cluster.status;
  output.line(`Berth ${cluster.status.version} in ${dataDir}`);
  output.line(`  API ${apiServer}   DNS ${dns}   ${isolation}`);
  for (const limitation of cluster.limitations) {
    // Elsewhere than on a terminal a line is one thing.
    const columns = output.isTerminal ? output.columns - 2 : Number.POSITIVE_INFINITY;
    const [first = '', ...more] = wrap(`limited: ${limitation}`, columns, '  ', Number.POSITIVE_INFINITY);
    output.line([first, ...more.map((line) => `  ${line}`)].join('\n'));
  }
  for (const { type, key, outcome } of applied) output.line(`  ${displayName(type, key.name)} ${outcome}`);
  output.line();
}

/** What to do with a cluster that is up, in words that can be copied as they are. */
async function usage(cluster: Cluster, applied: readonly Applied[]): Promise<readonly string[]> {
  const { dataDir, kubeconfig } = cluster.status;
  const [stored] = (await cluster.client.list(StatefulSets, { limit: 1 })).items;
  const set = applied.find(({ type }) => type.kind === 'StatefulSet')?.key.name ?? stored?.metadata.name ?? 'NAME';
  return [
    'Everything is ready. In another terminal:',
    ...(dataDir === dataDirectoryPath() ? [] : [`  export BERTH_DATA_DIR=${shellWord(dataDir)}`]),
    `  export KUBECONFIG=${shellWord(kubeconfig)}`,
    '  kubectl get statefulsets,pods,pvc',
    `  npx berth logs ${set}-0 -f`,
    `  npx berth exec -it ${set}-0 -- sh`,
    `  npx berth dns ${set} SRV`,
    `  npx berth scale statefulset/${set} --replicas 5`,
    `  npx berth why statefulset/${set}`,
    'Ctrl-C ends all pods gracefully; their data stays.',
  ];
}
