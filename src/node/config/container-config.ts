import type { Container, Pod } from '../../api/generated/types.ts';
import { quantityMillis, quantityValue } from '../../api/quantity.ts';
import type { ContainerConfig, Mount } from '../runtimes/runtime.ts';
import { expand } from './expansion.ts';

/** Everything about a container that had to be looked up. */
export interface Resolved {
  readonly kind: ContainerConfig['kind'];
  readonly attempt: number;
  readonly env: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly terminationMessagePath: string;
}

/** The container as the runtime gets it. */
export function containerConfig(pod: Pod, container: Container, resolved: Resolved): ContainerConfig {
  const { env } = resolved;
  const expanded = (texts: readonly string[] = []) => texts.map((text) => expand(text, (name) => env[name]));
  const { cpu, memory } = container.resources?.limits ?? {};
  // P9: what the container says goes before what its pod says.
  const { fsGroup, supplementalGroups, ...podContext } = pod.spec.securityContext ?? {};
  const { runAsUser, runAsGroup, runAsNonRoot, seccompProfile, seLinuxOptions, appArmorProfile } = podContext;
  return {
    name: container.name,
    kind: resolved.kind,
    attempt: resolved.attempt,
    image: container.image ?? '',
    command: expanded(container.command),
    args: expanded(container.args),
    env,
    ...(container.workingDir && { workingDir: container.workingDir }),
    mounts: resolved.mounts,
    stdin: container.stdin ?? false,
    ...(container.stdinOnce && { stdinOnce: true }),
    tty: container.tty ?? false,
    securityContext: {
      ...(runAsUser !== undefined && { runAsUser }),
      ...(runAsGroup !== undefined && { runAsGroup }),
      ...(runAsNonRoot !== undefined && { runAsNonRoot }),
      ...(seccompProfile && { seccompProfile }),
      ...(seLinuxOptions && { seLinuxOptions }),
      ...(appArmorProfile && { appArmorProfile }),
      ...container.securityContext,
      ...(fsGroup !== undefined && { fsGroup }),
      ...(supplementalGroups && { supplementalGroups }),
    },
    limits: {
      ...(cpu !== undefined && { cpuMillis: quantityMillis(cpu) }),
      ...(memory !== undefined && { memoryBytes: quantityValue(memory) }),
    },
    terminationMessagePath: resolved.terminationMessagePath,
  };
}
