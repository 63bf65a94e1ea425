import { isNotFound } from '../../src/api/errors.ts';
import type { ControllerRevision, PersistentVolumeClaim, Pod, StatefulSet } from '../../src/api/generated/types.ts';
import { ControllerRevisions, PersistentVolumeClaims, Pods, StatefulSets } from '../../src/api/kinds.ts';
import { isControlledBy } from '../../src/api/owner-references.ts';
import type { Observed, Plan } from '../../src/controllers/statefulset/plan.ts';
import { changeSet, changeTemplate, perform } from './deeds.ts';
import { isReady } from './rules.ts';
import { describeEntry, LONGEST_TROUBLE_MS, nodeNames, type Script } from './script.ts';
import { image, NAMESPACE, SET, SET_KEY, World } from './world.ts';

export interface Outcome {
  /** Which rule did not hold; undefined when all did. */
  readonly failure: string | undefined;
  /** One line for each thing that happened, when it was asked for. */
  readonly trace: readonly string[];
  /** What happened, and how often. */
  readonly counts: ReadonlyMap<string, number>;
}

export interface RunOptions {
  readonly plan?: (observed: Observed) => Plan;
  readonly tracing?: boolean;
}

/** Once nothing is in the way any more, all must be as it should be within this time. */
const CONVERGE_MS = 20 * 60_000;
/** ... and stay so, without a write, for this long. */
const QUIET_MS = 20_000;
const LOOK_EVERY_MS = 2000;
const LAST_VERSION = 1000;

/** Plays a script from beginning to end, and checks the rules after every step. */
export async function run(script: Script, options: RunOptions = {}): Promise<Outcome> {
  const world = await World.begin({ seed: script.seed, beginning: script.beginning, ...options });
  await perform(world, { do: 'createSet' });
  for (const entry of script.entries) {
    await world.runUntil(entry.atMs);
    if (world.violation !== undefined) return outcome(world);
    world.note(`* ${describeEntry(entry)}`);
    await perform(world, entry);
  }
  await world.runUntil((script.entries.at(-1)?.atMs ?? 0) + 5000);
  await putRight(world, script);
  await converge(world);
  return outcome(world);
}

function outcome(world: World): Outcome {
  return { failure: world.violation?.message, trace: world.trace, counts: world.counts };
}

/** Faults end, machines come back, and the user asks for something that can be done. */
async function putRight(world: World, script: Script): Promise<void> {
  if (world.violation !== undefined) return;
  world.note('* everything works from now on');
  world.network.heal();
  world.spare();
  for (const part of [...nodeNames(script.beginning.nodes), 'others', 'statefulset']) world.start(part);
  // What was to end later by itself (a pod that is held or hangs) ends before anything is judged.
  await world.runUntil(world.nowMs + LONGEST_TROUBLE_MS + 1000);
  const giveUpMs = world.nowMs + CONVERGE_MS;
  for (;;) {
    const found = await look(world);
    if (world.violation !== undefined || (found.set && !found.set.metadata.deletionTimestamp)) break;
    if (world.nowMs > giveUpMs) return world.fail('A4: a set that was deleted does not go');
    await removeObstacles(world, found);
    await perform(world, { do: 'createSet' });
    await world.runUntil(world.nowMs + LOOK_EVERY_MS);
  }
  if (world.violation !== undefined) return;
  await lookAtLabels(world);
  await changeSet(world, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } } });
  await changeTemplate(world, image('good', LAST_VERSION));
}

/** I5: looked at before the last update makes every pod anew. Above a pod that is not Ready nothing is put right. */
async function lookAtLabels(world: World): Promise<void> {
  const set = await world.user.get(StatefulSets, SET_KEY);
  const { items } = await world.user.list(Pods, { namespace: NAMESPACE });
  const pods = new Map(items.map((pod) => [pod.metadata.name, pod]));
  const { start = 0 } = set.spec.ordinals ?? {};
  for (let ordinal = start; ordinal < start + (set.spec.replicas ?? 1); ordinal += 1) {
    const pod = pods.get(`${SET}-${ordinal}`);
    if (!pod || !isControlledBy(pod, set) || !isReady(pod) || pod.metadata.deletionTimestamp) return;
    const label = pod.metadata.labels?.['statefulset.kubernetes.io/pod-name'];
    if (label !== pod.metadata.name) return world.fail(`I5: ${pod.metadata.name} has lost a label`);
  }
}

async function converge(world: World): Promise<void> {
  const giveUpMs = world.nowMs + CONVERGE_MS;
  for (;;) {
    await world.runUntil(world.nowMs + LOOK_EVERY_MS);
    if (world.violation !== undefined) return;
    const found = await look(world);
    const left = missing(found);
    if (left === undefined) break;
    if (world.nowMs > giveUpMs) return world.fail(`does not converge: ${left}`);
    await removeObstacles(world, found);
  }
  const { writes } = world;
  await world.runUntil(world.nowMs + QUIET_MS);
  if (world.violation === undefined && world.writes > writes) world.fail('writes on though nothing is left to do');
}

/** All there is, as a user sees it. */
interface Found {
  readonly set: StatefulSet | undefined;
  readonly pods: readonly Pod[];
  readonly claims: readonly PersistentVolumeClaim[];
  readonly revisions: readonly ControllerRevision[];
}

async function look({ user }: World): Promise<Found> {
  const set = await user.get(StatefulSets, SET_KEY).catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  const namespace = { namespace: NAMESPACE };
  const { items: pods } = await user.list(Pods, namespace);
  const { items: claims } = await user.list(PersistentVolumeClaims, namespace);
  const { items: revisions } = await user.list(ControllerRevisions, namespace);
  return { set, pods, claims, revisions };
}

/**
 * What only a user can take out of the way: a pod that was released and keeps its name, and one that cannot start again
 * because the user has deleted its claim.
 */
async function removeObstacles(world: World, { set, pods, claims }: Found): Promise<void> {
  const ending = new Set(
    claims.filter(({ metadata }) => metadata.deletionTimestamp).map(({ metadata }) => metadata.name),
  );
  for (const pod of pods) {
    const stranger = !(set && isControlledBy(pod, set)) && pod.metadata.labels?.app !== SET;
    const claimless = !isReady(pod) && ending.has(`data-${pod.metadata.name}`);
    if ((stranger || claimless) && pod.metadata.deletionTimestamp === undefined) {
      await world.user.delete(Pods, { namespace: NAMESPACE, name: pod.metadata.name });
    }
  }
}

/** What is not yet as it should be; undefined when all is. */
function missing({ set, pods, claims, revisions }: Found): string | undefined {
  if (set === undefined) return 'there is no set';
  return wrongPods(set, pods) ?? wrongStatus(set) ?? wrongRest(set, claims, revisions);
}

function wrongPods(set: StatefulSet, pods: readonly Pod[]): string | undefined {
  const { replicas = 1, ordinals } = set.spec;
  const start = ordinals?.start ?? 0;
  const wanted = Array.from({ length: replicas }, (_, index) => `${SET}-${start + index}`);
  const names = pods.map(({ metadata }) => metadata.name).sort();
  if (JSON.stringify(names) !== JSON.stringify([...wanted].sort())) return `pods are ${names}, and should be ${wanted}`;
  for (const pod of pods) {
    const { name, labels, deletionTimestamp } = pod.metadata;
    if (!isControlledBy(pod, set)) return `A1: ${name} is not the set's`;
    if (!isReady(pod)) return `${name} is not Ready`;
    if (deletionTimestamp !== undefined) return `${name} is ending`;
    if (pod.spec.containers[0]?.image !== image('good', LAST_VERSION)) return `U7: ${name} is not updated`;
    if (labels?.['statefulset.kubernetes.io/pod-name'] !== name) return `I5: ${name} has lost a label`;
  }
  return undefined;
}

function wrongStatus({ spec, status, metadata }: StatefulSet): string | undefined {
  const replicas = spec.replicas ?? 1;
  const counts = [
    status?.replicas,
    status?.readyReplicas,
    status?.availableReplicas,
    status?.currentReplicas,
    status?.updatedReplicas,
  ];
  if (counts.some((count) => (count ?? 0) !== replicas)) return `S1: the status counts ${counts} of ${replicas}`;
  if (status?.observedGeneration !== metadata.generation) return 'S1: the last change is not observed';
  if (status?.currentRevision !== status?.updateRevision) return 'S2: the update is not complete';
  const waiting = status?.conditions?.find(({ type }) => type === 'berth.dev/Waiting');
  return waiting?.status === 'True' ? `O10: it says it waits: ${waiting.message}` : undefined;
}

function wrongRest(
  set: StatefulSet,
  claims: readonly PersistentVolumeClaim[],
  revisions: readonly ControllerRevision[],
): string | undefined {
  const limit = (set.spec.revisionHistoryLimit ?? 10) + 1;
  const own = revisions.filter((revision) => isControlledBy(revision, set));
  if (own.length > limit) return `R3: ${own.length} revisions are kept`;
  const templates = new Set(own.map(({ data }) => JSON.stringify(data)));
  if (templates.size < own.length) return 'R1: there are two revisions of one template';
  const names = new Set(claims.map(({ metadata }) => metadata.name));
  const { start = 0 } = set.spec.ordinals ?? {};
  for (let ordinal = start; ordinal < start + (set.spec.replicas ?? 1); ordinal += 1) {
    for (const template of set.spec.volumeClaimTemplates ?? []) {
      const name = `${template.metadata?.name}-${SET}-${ordinal}`;
      if (!names.has(name)) return `C1: claim ${name} is missing`;
    }
  }
  return undefined;
}
