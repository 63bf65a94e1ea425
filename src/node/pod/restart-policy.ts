import type { Container, Pod } from '../../api/generated/types.ts';
import { type ContainerView, exited } from './container-view.ts';
import type { BackOffPolicy, Exit } from './observed.ts';

/** Whether a container that ended this way runs again. */
export function restarts(pod: Pod, view: Pick<ContainerView, 'container' | 'kind'>, exit: Exit): boolean {
  switch (view.kind) {
    case 'ephemeral':
      return false;
    case 'sidecar':
      return true;
    case 'init':
      return exit.exitCode !== 0 && !ruleOrPolicyEnds(pod, view.container, exit);
    case 'main':
      return !ruleOrPolicyEnds(pod, view.container, exit);
  }
}

function ruleOrPolicyEnds(pod: Pod, container: Container, exit: Exit): boolean {
  for (const { action, exitCodes } of container.restartPolicyRules ?? []) {
    const listed = exitCodes?.values?.includes(exit.exitCode) ?? false;
    const matches = exitCodes !== undefined && (exitCodes.operator === 'NotIn' ? !listed : listed);
    if (matches && action === 'Restart') return false;
  }
  switch (container.restartPolicy ?? pod.spec.restartPolicy ?? 'Always') {
    case 'Never':
      return true;
    case 'OnFailure':
      return exit.exitCode === 0;
    default:
      return false;
  }
}

/** P3: how many restarts in a row there have been, as of an exit: a long run ends the row. */
function restartsInARow(view: ContainerView, exit: Exit, policy: BackOffPolicy): number {
  return exit.finishedAtMs - exit.startedAtMs >= policy.resetAfterMs ? 0 : view.memory.restarts;
}

/** How long a container that ended is left alone: nothing for the first restart, then doubling up to the limit. */
export function backOffMs(view: ContainerView, policy: BackOffPolicy): number {
  const exit = exited(view);
  // A container that went down with its sandbox is not the one to blame.
  if (exit === undefined || !view.current) return 0;
  return delayMs(restartsInARow(view, exit, policy), policy);
}

/** The wait before the restart that follows `restartsInARow` others. */
export function delayMs(restartsInARow: number, policy: BackOffPolicy): number {
  return restartsInARow === 0 ? 0 : Math.min(policy.initialMs * 2 ** (restartsInARow - 1), policy.maxMs);
}

/** What to remember as `restarts` when the container is started now. */
export function restartsAfterStart(view: ContainerView, policy: BackOffPolicy): number {
  const exit = exited(view);
  return exit === undefined || !view.current ? 0 : restartsInARow(view, exit, policy) + 1;
}
