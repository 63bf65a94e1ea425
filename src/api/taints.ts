import type { Node, Taint, Toleration } from './generated/types.ts';

export type TaintEffect = 'NoSchedule' | 'PreferNoSchedule' | 'NoExecute';

export const NOT_READY_TAINT = 'node.kubernetes.io/not-ready';
export const UNREACHABLE_TAINT = 'node.kubernetes.io/unreachable';
export const UNSCHEDULABLE_TAINT = 'node.kubernetes.io/unschedulable';
export const OUT_OF_SERVICE_TAINT = 'node.kubernetes.io/out-of-service';

/** Whether a toleration accepts a taint. An empty key with `Exists` accepts every taint, no effect every effect. */
export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.key && toleration.key !== taint.key) return false;
  switch (toleration.operator || 'Equal') {
    case 'Exists':
      return true;
    case 'Equal':
      return Boolean(toleration.key) && (toleration.value ?? '') === (taint.value ?? '');
    case 'Gt':
    case 'Lt':
      return Boolean(toleration.key) && compares(toleration, taint.value);
    default:
      return false;
  }
}

function compares({ operator, value }: Toleration, taintValue: string | undefined): boolean {
  const [limit, actual] = [Number(value), Number(taintValue)];
  if (!Number.isInteger(limit) || !Number.isInteger(actual)) return false;
  return operator === 'Gt' ? actual > limit : actual < limit;
}

/** The first taint with one of `effects` that no toleration accepts. */
export function untoleratedTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  effects: readonly TaintEffect[],
): Taint | undefined {
  return taints.find(
    (taint) =>
      effects.some((effect) => effect === taint.effect) &&
      !tolerations.some((toleration) => tolerates(toleration, taint)),
  );
}

/** The status of a node's `Ready` condition; `Unknown` when nobody has said. */
export function nodeReadiness(node: Node): 'True' | 'False' | 'Unknown' {
  const status = node.status?.conditions?.find((condition) => condition.type === 'Ready')?.status;
  return status === 'True' || status === 'False' ? status : 'Unknown';
}
