import type { Node, Taint } from '../../api/generated/types.ts';
import { NOT_READY_TAINT, nodeReadiness, UNREACHABLE_TAINT, UNSCHEDULABLE_TAINT } from '../../api/taints.ts';

/** Conditions that keep new pods away while they hold. */
const PRESSURES: readonly (readonly [condition: string, taint: string])[] = [
  ['MemoryPressure', 'node.kubernetes.io/memory-pressure'],
  ['DiskPressure', 'node.kubernetes.io/disk-pressure'],
  ['PIDPressure', 'node.kubernetes.io/pid-pressure'],
  ['NetworkUnavailable', 'node.kubernetes.io/network-unavailable'],
];

const OWN_TAINTS = new Set([
  NOT_READY_TAINT,
  UNREACHABLE_TAINT,
  UNSCHEDULABLE_TAINT,
  ...PRESSURES.map(([, taint]) => taint),
]);

/**
 * The taints a node should have: its own, and those that its conditions stand for; undefined when it has just these.
 *
 * @param mayEvict Whether pods may be sent away from it: not when no node at all is ready, for then the trouble is
 *   likely ours, and there is nowhere to go.
 */
export function taintsFor(node: Node, mayEvict: boolean, now: string): readonly Taint[] | undefined {
  const before = node.spec.taints ?? [];
  const wanted: Pick<Taint, 'key' | 'effect'>[] = [];
  const trouble = { True: undefined, False: NOT_READY_TAINT, Unknown: UNREACHABLE_TAINT }[nodeReadiness(node)];
  // A node that has just been registered says in a moment how it is; until then the scheduler leaves it alone.
  const hasSpoken = node.status?.conditions?.some(({ type }) => type === 'Ready') ?? false;
  if (trouble !== undefined && hasSpoken) {
    wanted.push({ key: trouble, effect: 'NoSchedule' });
    if (mayEvict) wanted.push({ key: trouble, effect: 'NoExecute' });
  }
  if (node.spec.unschedulable) wanted.push({ key: UNSCHEDULABLE_TAINT, effect: 'NoSchedule' });
  for (const [condition, key] of PRESSURES) {
    const holds = node.status?.conditions?.some(({ type, status }) => type === condition && status === 'True');
    if (holds) wanted.push({ key, effect: 'NoSchedule' });
  }

  const others = before.filter(({ key }) => !OWN_TAINTS.has(key)).map((taint) => withTime(taint, now));
  const own = wanted.map(
    ({ key, effect }): Taint =>
      before.find((taint) => taint.key === key && taint.effect === effect) ?? { key, effect, timeAdded: now },
  );
  const after = [...others, ...own];
  return after.length === before.length && after.every((taint) => before.includes(taint)) ? undefined : after;
}

/** Pods that tolerate a taint for a while do so from when it came, which people who set it do not write down. */
function withTime(taint: Taint, now: string): Taint {
  return taint.effect === 'NoExecute' && taint.timeAdded === undefined ? { ...taint, timeAdded: now } : taint;
}
