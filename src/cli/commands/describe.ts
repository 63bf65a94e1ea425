import { Command } from 'commander';
import { humanDuration } from '../../api/duration.ts';
import type { Event, Pod, StatefulSet } from '../../api/generated/types.ts';
import { Events, PersistentVolumeClaims, Pods } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { podPlace } from '../../api/pod-ports.ts';
import type { Client } from '../../client/client.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, namespaceOption } from '../options.ts';
import { formatTable, type Output, toYaml } from '../output.ts';
import { parseTargets } from '../resources.ts';
import { servedTypes } from '../served-types.ts';
import { membersOf } from '../view/members.ts';
import { waitingMessage } from '../view/readiness.ts';

interface DescribeOptions {
  readonly dataDir?: string;
  readonly namespace: string;
}

export function describeCommand(output: Output): Command {
  return new Command('describe')
    .description('show objects in words: what they are, how they are, and what happened')
    .argument('<target...>', 'KIND [NAME...], or KIND/NAME')
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText('after', '\nExamples:\n  berth describe statefulset kv\n  berth describe pod/kv-0')
    .action(async (words: string[], options: DescribeOptions) => {
      const session = connect(options);
      try {
        const objects: KubernetesObject[] = [];
        for (const { type, name } of parseTargets(words, await servedTypes(session.client))) {
          const scope = type.namespaced ? { namespace: options.namespace } : {};
          if (name !== undefined) objects.push(await session.client.get(type, { ...scope, name }));
          else objects.push(...(await session.client.list(type, scope)).items);
        }
        if (objects.length === 0) throw new CliError(`none found in ${options.namespace} namespace`);
        for (const [index, object] of objects.entries()) {
          if (index > 0) output.line('\n');
          output.line((await describe(session.client, object)).join('\n'));
        }
      } finally {
        session.close();
      }
    });
}

async function describe(client: Client, object: KubernetesObject): Promise<readonly string[]> {
  const { metadata } = object;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller);
  const head = fields([
    ['Name', metadata.name],
    ['Namespace', metadata.namespace],
    ['Labels', pairs(metadata.labels)],
    ['Annotations', pairs(metadata.annotations)],
    ['Created', metadata.creationTimestamp],
    ['Deleted', metadata.deletionTimestamp],
    ['Controlled by', owner && `${owner.kind}/${owner.name}`],
  ]);
  return [...head, ...(await body(client, object)), '', ...(await eventLines(client, object))];
}

async function body(client: Client, object: KubernetesObject): Promise<readonly string[]> {
  switch (object.kind) {
    case 'StatefulSet':
      return describeSet(client, object as StatefulSet);
    case 'Pod':
      return describePod(object as Pod);
    default: {
      // Every other kind says best itself what it is.
      const { apiVersion: _version, kind: _kind, metadata: _metadata, ...rest } = object;
      return Object.keys(rest).length === 0 ? [] : ['', ...toYaml(rest).trimEnd().split('\n')];
    }
  }
}

async function describeSet(client: Client, set: StatefulSet): Promise<readonly string[]> {
  const { spec, status } = set;
  const scope = { namespace: set.metadata.namespace ?? 'default' };
  const [pods, claims] = await Promise.all([client.list(Pods, scope), client.list(PersistentVolumeClaims, scope)]);
  const members = membersOf(set, pods.items, claims.items);
  const strategy = spec.updateStrategy?.type ?? 'RollingUpdate';
  const { partition, maxUnavailable } = spec.updateStrategy?.rollingUpdate ?? {};
  const retention = spec.persistentVolumeClaimRetentionPolicy;
  return [
    ...fields([
      ['Service', spec.serviceName],
      [
        'Replicas',
        `${spec.replicas ?? 1} desired, ${status?.replicas ?? 0} there, ${status?.readyReplicas ?? 0} ready, ${status?.updatedReplicas ?? 0} updated`,
      ],
      ['Order', spec.podManagementPolicy],
      [
        'Update',
        [strategy, partition ? `partition ${partition}` : '', maxUnavailable ? `at most ${maxUnavailable} down` : '']
          .filter(Boolean)
          .join(', '),
      ],
      [
        'Revision',
        status?.currentRevision === status?.updateRevision
          ? status?.currentRevision
          : `${status?.currentRevision} to ${status?.updateRevision}`,
      ],
      ['Claims', retention && `when deleted ${retention.whenDeleted}, when scaled ${retention.whenScaled}`],
      ['Waiting', waitingMessage(set)],
    ]),
    'Members:',
    ...indent(
      formatTable(
        ['NAME', 'STATE', 'NODE', 'ADDRESS', 'RESTARTS', 'CLAIMS', 'DETAIL'],
        members.map((member) => [
          member.name,
          member.state,
          member.node ?? '-',
          member.place ?? '-',
          String(member.restarts),
          member.volumes
            .map(({ claim, volume }) => (volume === undefined ? `${claim} (not bound)` : claim))
            .join(',') || '-',
          member.detail ?? '',
        ]),
      ),
    ),
  ];
}

function describePod(pod: Pod): readonly string[] {
  const { spec, status } = pod;
  const containers = [...(spec.initContainers ?? []), ...spec.containers].flatMap((container) => {
    const state = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])].find(
      ({ name }) => name === container.name,
    );
    return [
      `  ${container.name}:`,
      ...indent(
        fields([
          ['Image', container.image],
          [
            'Command',
            [...(container.command ?? []), ...(container.args ?? [])]
              .map((word) => (/[\s'"]/.test(word) ? JSON.stringify(word) : word))
              .join(' '),
          ],
          [
            'Ports',
            container.ports
              ?.map((port) => `${port.name ? `${port.name} ` : ''}${port.containerPort}/${port.protocol ?? 'TCP'}`)
              .join(', '),
          ],
          ['State', stateText(state?.state)],
          ['Last state', stateText(state?.lastState)],
          ['Ready', state && String(state.ready)],
          ['Restarts', state && String(state.restartCount)],
          [
            'Mounts',
            container.volumeMounts
              ?.map((mount) => `${mount.mountPath} from ${mount.name}${mount.readOnly ? ' (read-only)' : ''}`)
              .join(', '),
          ],
        ]),
        4,
      ),
    ];
  });
  const volumes = (spec.volumes ?? []).map((volume) => {
    const source = Object.keys(volume).find((key) => key !== 'name') ?? 'emptyDir';
    const { claimName } = volume.persistentVolumeClaim ?? {};
    return `  ${volume.name}: ${claimName === undefined ? source : `claim ${claimName}`}`;
  });
  return [
    ...fields([
      ['Node', spec.nodeName],
      ['Status', [status?.phase, status?.reason].filter(Boolean).join(', ')],
      ['Message', status?.message],
      ['Address', podPlace(pod)],
      ['Hostname', spec.hostname && [spec.hostname, spec.subdomain].filter(Boolean).join('.')],
    ]),
    'Containers:',
    ...containers,
    ...(volumes.length > 0 ? ['Volumes:', ...volumes] : []),
    'Conditions:',
    ...indent(
      formatTable(
        [],
        (status?.conditions ?? []).map((condition) => [
          condition.type,
          condition.status,
          [condition.reason, condition.message].filter(Boolean).join(': '),
        ]),
      ),
    ),
  ];
}

type ContainerState = NonNullable<NonNullable<NonNullable<Pod['status']>['containerStatuses']>[number]['state']>;

function stateText(state: ContainerState | undefined): string | undefined {
  if (state?.running) return `running since ${state.running.startedAt}`;
  if (state?.waiting) return ['waiting', state.waiting.reason, state.waiting.message].filter(Boolean).join(': ');
  if (state?.terminated) {
    const { exitCode, reason, finishedAt, message } = state.terminated;
    return `ended with exit code ${exitCode} (${[reason, message].filter(Boolean).join(': ')}) at ${finishedAt}`;
  }
  return undefined;
}

async function eventLines(client: Client, object: KubernetesObject): Promise<readonly string[]> {
  const { items } = await client.list(Events, {
    ...(object.metadata.namespace !== undefined && { namespace: object.metadata.namespace }),
    fieldSelector: `involvedObject.uid=${object.metadata.uid}`,
  });
  if (items.length === 0) return ['Events: none'];
  const now = Date.now();
  const at = (event: Event): number =>
    Date.parse(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp);
  const rows = [...items]
    .sort((a, b) => at(a) - at(b))
    .map((event) => [
      event.type ?? '',
      event.reason ?? '',
      `${humanDuration(now - at(event))}${(event.count ?? 1) > 1 ? ` (${event.count} times)` : ''}`,
      event.source?.component ?? event.reportingComponent ?? '',
      event.message ?? '',
    ]);
  return ['Events:', ...indent(formatTable(['TYPE', 'REASON', 'AGE', 'FROM', 'MESSAGE'], rows))];
}

/** `Name:  value` lines with the values aligned; what has no value is left out. */
function fields(entries: readonly (readonly [string, string | undefined])[]): readonly string[] {
  return entries
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${`${name}:`.padEnd(15)} ${value}`);
}

function indent(lines: readonly string[], spaces = 2): readonly string[] {
  return lines.map((line) => ' '.repeat(spaces) + line);
}

function pairs(map: { readonly [key: string]: string } | undefined): string | undefined {
  const entries = Object.entries(map ?? {});
  // The applied configuration of kubectl is a whole document: it would bury the rest.
  const shown = entries.filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration');
  return shown.length === 0 ? undefined : shown.map(([key, value]) => `${key}=${value}`).join(', ');
}
