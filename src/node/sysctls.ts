import type { Pod } from '../api/generated/types.ts';
import type { Explanation } from './pod/observed.ts';

/** What each pod has of its own; everything else of the kernel's settings is the machine's. */
const OWN: readonly (readonly [prefix: string, namespace: 'IPC' | 'network'])[] = [
  ['kernel.shm', 'IPC'],
  ['kernel.msg', 'IPC'],
  ['fs.mqueue.', 'IPC'],
  ['net.', 'network'],
];

/**
 * Why a pod may not set the kernel settings it asks for: they would be set for the whole machine. All those that a pod
 * has of its own may be set, as with a kubelet that is told to allow them.
 */
export function forbiddenSysctl({ spec }: Pod): Explanation | undefined {
  for (const { name } of spec.securityContext?.sysctls ?? []) {
    const why = whyForbidden(name.replaceAll('/', '.'), spec);
    if (why !== undefined) {
      return {
        reason: 'SysctlForbidden',
        message: `Pod was rejected: forbidden sysctl: ${JSON.stringify(name)} ${why}`,
      };
    }
  }
  return undefined;
}

function whyForbidden(name: string, { hostNetwork, hostIPC }: Pod['spec']): string | undefined {
  const namespace = name === 'kernel.sem' ? 'IPC' : OWN.find(([prefix]) => name.startsWith(prefix))?.[1];
  if (namespace === undefined) return 'not allowlisted';
  if (namespace === 'network' && hostNetwork) return 'not allowed with host net enabled';
  if (namespace === 'IPC' && hostIPC) return 'not allowed with host ipc enabled';
  return undefined;
}
