import { Command, Option } from 'commander';
import { humanDuration } from '../../api/duration.ts';
import { isNotFound } from '../../api/errors.ts';
import type { Event, PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import {
  Events,
  Nodes,
  PersistentVolumeClaims,
  PersistentVolumes,
  Pods,
  StatefulSets,
  StorageClasses,
} from '../../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../../api/meta.ts';
import { CLAIM_PROTECTION } from '../../api/volume-names.ts';
import type { Client } from '../../client/client.ts';
import { explainPause, explainPod, observeSet, podsUsing } from '../../controllers/statefulset/explain.ts';
import { claimName, ordinalRange, parsePodName, podName } from '../../controllers/statefulset/identity.ts';
import { plan } from '../../controllers/statefulset/plan.ts';
import type { Waiting } from '../../controllers/statefulset/waiting.ts';
import { connect, type Session } from '../connect.ts';
import { CliError } from '../errors.ts';
import { lastWords } from '../last-words.ts';
import { dataDirOption, namespaceOption } from '../options.ts';
import { type Output, toJson } from '../output.ts';
import { displayName, parseTargets } from '../resources.ts';

interface WhyOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly output?: 'json';
}

/** Why something is not as it should be: what is waited for, and what is behind it, outermost first. */
interface Explanation {
  /** False when nothing is waited for. */
  readonly waits: boolean;
  readonly summary: string;
  readonly reason?: string;
  readonly ordinal?: number;
  readonly pod?: string;
  /** RFC 3339. */
  readonly since?: string;
  /** What does not happen until then. */
  readonly holdsBack?: string;
  readonly causes: readonly string[];
}

const KINDS = ['statefulsets', 'pods', 'persistentvolumeclaims'];

export function whyCommand(output: Output): Command {
  return new Command('why')
    .description('tell what a set, a pod or a claim waits for, since when, and what is behind it')
    .argument('<target...>', 'statefulset/NAME, pod/NAME or pvc/NAME')
    .addOption(new Option('-o, --output <format>', 'how to show it').choices(['json']))
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText('after', '\nExamples:\n  berth why statefulset/kv\n  berth why pvc/data-kv-0')
    .action(async (words: string[], options: WhyOptions) => {
      const targets = parseTargets(words);
      const session = connect(options);
      try {
        for (const { type, name } of targets) {
          if (name === undefined)
            throw new CliError(`which of the ${type.plural}?`, { hint: `berth why ${type.singular}/NAME` });
          if (!KINDS.includes(type.plural))
            throw new CliError(`why knows ${KINDS.join(', ')}, not ${type.plural}`, {
              hint: `berth describe ${type.singular} ${name}`,
            });
          const key = { namespace: options.namespace, name };
          const explanation = await explain(session, type.plural, key, Date.now());
          if (options.output === 'json') output.text(toJson({ object: displayName(type, name), ...explanation }));
          else for (const line of lines(displayName(type, name), explanation, Date.now())) output.line(line);
        }
      } finally {
        session.close();
      }
    });
}

function explain(session: Session, plural: string, key: ObjectKey, now: number): Promise<Explanation> {
  switch (plural) {
    case 'statefulsets':
      return explainSet(session, key, now);
    case 'pods':
      return explainPodOf(session, key, now);
    default:
      return session.client.get(PersistentVolumeClaims, key).then((claim) => explainClaim(session.client, claim));
  }
}

function lines(object: string, explanation: Explanation, now: number): readonly string[] {
  const { summary, since, holdsBack, causes } = explanation;
  const age = since === undefined ? '' : ` (for ${humanDuration(now - Date.parse(since))}, since ${since})`;
  return [
    `${object}: ${summary}${age}`,
    ...(holdsBack ? [`  until then: ${holdsBack}`] : []),
    ...causes.map((cause) => `  ${cause}`),
  ];
}

async function explainSet(session: Session, key: ObjectKey, now: number): Promise<Explanation> {
  const { client } = session;
  const observed = await observeSet(client, key, now);
  const { waiting } = plan(observed);
  if (waiting === undefined) {
    const paused = explainPause(observed);
    if (paused === undefined) return { waits: false, summary: 'waits for nothing', causes: [] };
    return { waits: false, reason: 'UpdatePaused', summary: `waits for you: ${paused}`, causes: [] };
  }
  const pod = observed.pods.find(({ metadata }) => metadata.name === waiting.pod);
  const [behind, refusals] = await Promise.all([
    pod ? causesOf(session, pod, waiting) : [],
    refusalLines(client, observed.set, waiting),
  ]);
  return { ...about(waiting), causes: [...behind, ...refusals] };
}

/** How long a refusal matters while nobody has said yet that it lasts. */
const RECENT_MS = 60_000;

/** What the API did not let the controller do for the pod that is waited for, unless the wait says so itself. */
async function refusalLines(client: Client, set: StatefulSet, waiting: Waiting): Promise<readonly string[]> {
  const { pod, message, sinceMs, undated, reason } = waiting;
  if (reason === 'PodRefused') return [];
  const lines = await warningLines(client, set, undated ? sinceMs - RECENT_MS : sinceMs);
  return lines.filter((line) => line.startsWith('Failed') && line.includes(` Pod ${pod} `) && !line.includes(message));
}

/** A pod that is not there is explained by the set that is to make it. */
async function explainPodOf(session: Session, key: ObjectKey, now: number): Promise<Explanation> {
  const { client } = session;
  try {
    return await explainOnePod(session, await client.get(Pods, key), now);
  } catch (error) {
    const parsed = parsePodName(key.name);
    if (!isNotFound(error) || parsed === undefined) throw error;
    const set = await client.get(StatefulSets, { ...key, name: parsed.set }).catch(absent);
    if (set === undefined) throw error;
    const { start, end } = ordinalRange(set);
    if (parsed.ordinal < start || parsed.ordinal >= end) {
      const summary = `does not exist: statefulset ${parsed.set} has ordinals from ${start} to ${end - 1} only`;
      return {
        waits: false,
        summary: end > start ? summary : `does not exist: statefulset ${parsed.set} has no replicas`,
        causes: [],
      };
    }
    const of = await explainSet(session, { ...key, name: parsed.set }, now);
    return {
      ...of,
      summary: `does not exist: ${of.waits ? of.summary : `statefulset ${parsed.set} is about to make it`}`,
    };
  }
}

async function explainOnePod(session: Session, pod: Pod, now: number): Promise<Explanation> {
  const claims = await session.client.list(PersistentVolumeClaims, { namespace: pod.metadata.namespace ?? 'default' });
  const waiting = explainPod(pod, new Map(claims.items.map((claim) => [claim.metadata.name, claim])), now);
  if (waiting === undefined) return { waits: false, summary: `is Ready on ${pod.spec.nodeName}`, causes: [] };
  return { ...about(waiting), causes: await causesOf(session, pod, waiting) };
}

function about(waiting: Waiting): Omit<Explanation, 'causes'> {
  return {
    waits: true,
    summary: waiting.message,
    reason: waiting.reason,
    ordinal: waiting.ordinal,
    pod: waiting.pod,
    since: new Date(waiting.sinceMs).toISOString(),
    holdsBack: waiting.holdsBack,
  };
}

/** What is around a pod that may be behind its trouble: node, claims, containers, and what was said of it last. */
async function causesOf(
  session: Session,
  pod: Pod,
  { message: summary, sinceMs }: Waiting,
): Promise<readonly string[]> {
  const { client } = session;
  const unready = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])].filter(
    ({ ready }) => !ready,
  );
  const [node, claims, warnings, ...said] = await Promise.all([
    nodeLine(client, pod),
    claimLines(client, pod),
    warningLines(client, pod, sinceMs, summary),
    ...unready.map((status) => lastWords(session, pod, status, sinceMs)),
  ]);
  const containers = unready.flatMap(({ name, image, state, restartCount }, index) => {
    const { waiting, terminated, running } = state ?? {};
    const how = waiting
      ? [waiting.reason, waiting.message].filter(Boolean).join(': ')
      : terminated
        ? `ended with exit code ${terminated.exitCode} (${terminated.reason})`
        : running
          ? `runs since ${running.startedAt}`
          : 'has not started';
    const restarts = `${restartCount} restart${restartCount === 1 ? '' : 's'}`;
    return [`container ${name} (image ${image}): ${how}, ${restarts}`, ...(said[index] ?? [])];
  });
  return [...node, ...claims, ...containers, ...warnings];
}

async function nodeLine(client: Client, pod: Pod): Promise<readonly string[]> {
  const name = pod.spec.nodeName;
  if (!name) return [];
  const node = await client.get(Nodes, { name }).catch(absent);
  if (node === undefined) return [`node ${name} does not exist any more`];
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  if (ready?.status === 'True') return [];
  // M6
  const lost = ready?.status === 'Unknown' ? ': its pods are replaced when it is back, deleted or out of service' : '';
  return [`node ${name} is not Ready: ${ready?.message ?? 'it has never reported'}${lost}`];
}

async function claimLines(client: Client, pod: Pod): Promise<readonly string[]> {
  const namespace = pod.metadata.namespace ?? 'default';
  const names = (pod.spec.volumes ?? []).flatMap(({ persistentVolumeClaim }) =>
    persistentVolumeClaim ? [persistentVolumeClaim.claimName] : [],
  );
  const found = await Promise.all(
    names.map((name) => client.get(PersistentVolumeClaims, { namespace, name }).catch(absent)),
  );
  return found.flatMap((claim, index) => {
    if (claim === undefined) return [`claim ${names[index]} does not exist`];
    if (claim.metadata.deletionTimestamp !== undefined) return [`claim ${names[index]} is being deleted`];
    return claim.status?.phase === 'Bound'
      ? []
      : [`claim ${names[index]} is ${claim.status?.phase ?? 'Pending'}: berth why pvc/${names[index]} tells why`];
  });
}

/** At most this many warnings are shown. */
const MAX_WARNINGS = 3;

/** What was said of it since its trouble began and is not in the summary; what was said before is over. */
async function warningLines(
  client: Client,
  object: KubernetesObject,
  sinceMs = 0,
  summary = '',
): Promise<readonly string[]> {
  const { items } = await client.list(Events, {
    namespace: object.metadata.namespace ?? 'default',
    fieldSelector: `involvedObject.uid=${object.metadata.uid}`,
  });
  return (
    items
      .filter((event) => event.type === 'Warning' && lastSeen(event) >= Math.floor(sinceMs / 1000) * 1000)
      // That it waits before it tries again says nothing of why.
      .filter(({ reason }) => reason !== 'BackOff')
      .sort((a, b) => lastSeen(b) - lastSeen(a))
      // A probe's output may be another each time: the last is what counts.
      .filter((event, index, all) => index === all.findIndex(({ reason }) => reason === event.reason))
      .filter(({ count = 1, message = '' }) => count > 1 || !summary.includes(message.replace(/^Error: /, '')))
      .slice(0, MAX_WARNINGS)
      .map((event) => `${event.reason}${(event.count ?? 1) > 1 ? ` (${event.count} times)` : ''}: ${event.message}`)
  );
}

function lastSeen(event: Event): number {
  return Date.parse(event.lastTimestamp ?? event.eventTime ?? event.metadata.creationTimestamp);
}

async function explainClaim(client: Client, claim: PersistentVolumeClaim): Promise<Explanation> {
  const { name, namespace = 'default' } = claim.metadata;
  const users = podsUsing(claim, (await client.list(Pods, { namespace })).items);
  const nodes = new Map(users.map((pod) => [pod.spec.nodeName, pod]));
  const away = await Promise.all([...nodes.values()].map((pod) => nodeLine(client, pod)));
  const held = [...users.map((pod) => usedBy(pod, name)), ...away.flat()];
  const warnings = await warningLines(client, claim);
  const member = users.length === 0 ? await memberOf(client, claim) : undefined;
  const asksFor = member && `${member}, which does not exist: berth why pod/${member} tells why`;
  const since = claim.metadata.deletionTimestamp ?? claim.metadata.creationTimestamp;
  if (claim.metadata.deletionTimestamp !== undefined) {
    const holders = claim.metadata.finalizers?.filter((finalizer) => finalizer !== CLAIM_PROTECTION) ?? [];
    const until = [
      ...(users.length > 0 ? ['no pod uses it'] : []),
      ...(holders.length > 0 ? [`whoever set ${holders.join(', ')} takes that off`] : []),
    ].join(' and ');
    return {
      waits: true,
      reason: 'ClaimTerminating',
      since,
      summary: until === '' ? 'is being deleted' : `is being deleted, and stays until ${until}`,
      causes: [...held, ...warnings],
    };
  }
  if (claim.status?.phase === 'Bound') {
    const volume = await client.get(PersistentVolumes, { name: claim.spec.volumeName ?? '' }).catch(absent);
    const where = volume?.spec.local?.path ?? volume?.spec.hostPath?.path;
    return {
      waits: false,
      summary: `is bound to volume ${claim.spec.volumeName}${where ? ` at ${where}` : ''}`,
      causes: asksFor === undefined ? held : [`kept for pod ${asksFor}`],
    };
  }
  const className = claim.spec.storageClassName;
  const storageClass = className ? await client.get(StorageClasses, { name: className }).catch(absent) : undefined;
  const why =
    className && storageClass === undefined
      ? `there is no storage class ${className}`
      : storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && users.length === 0
        ? `its volume is made where its first pod runs: ${asksFor ? `that is ${asksFor}` : `no pod uses ${name} yet`}`
        : storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && users.every((pod) => !pod.spec.nodeName)
          ? `its volume is made where its pod runs, and ${users[0]?.metadata.name} has no node yet: berth why pod/${users[0]?.metadata.name} tells why`
          : 'no volume fits it yet';
  return {
    waits: true,
    reason: 'ClaimPending',
    since,
    summary: `is ${claim.status?.phase ?? 'Pending'}: ${why}`,
    causes: [...held, ...warnings],
  };
}

/** The pod that a claim was made for, from a set's template; undefined when no set has such a template. */
async function memberOf(client: Client, { metadata }: PersistentVolumeClaim): Promise<string | undefined> {
  const ordinal = parsePodName(metadata.name)?.ordinal;
  if (ordinal === undefined) return undefined;
  const { items } = await client.list(StatefulSets, { namespace: metadata.namespace ?? 'default' });
  const owner = items.find((set) =>
    set.spec.volumeClaimTemplates?.some(
      (claim) => claimName(set, claim.metadata?.name ?? '', ordinal) === metadata.name,
    ),
  );
  return owner && podName(owner, ordinal);
}

/** Who uses the claim; for a pod that cannot, because of the claim's volume, also why: M5 names who holds it. */
function usedBy(pod: Pod, claim: string): string {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const why = [...initContainerStatuses, ...containerStatuses]
    .map(({ state }) => state?.waiting?.message)
    .find((message) => message?.includes(`claim ${pod.metadata.namespace}/${claim} `));
  const where = pod.spec.nodeName ? ` on ${pod.spec.nodeName}` : '';
  const who = `pod ${pod.metadata.name}${pod.metadata.deletionTimestamp === undefined ? '' : ' (being deleted)'}${where}`;
  return why === undefined ? `used by ${who}` : `wanted by ${who}: ${why}`;
}

function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}
