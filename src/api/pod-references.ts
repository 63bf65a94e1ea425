import type { Container, Pod } from './generated/types.ts';

/** What pods may refer to by name in their own namespace. */
export type ReferencedKind = 'ConfigMap' | 'Secret' | 'PersistentVolumeClaim';

/** `ConfigMap default/settings` */
export function referenceKey(kind: ReferencedKind, namespace: string, name: string): string {
  return `${kind} ${namespace}/${name}`;
}

/** The keys of all objects a pod refers to. */
export function referencesOf(pod: Pod): ReadonlySet<string> {
  const { namespace = 'default', name: podName } = pod.metadata;
  const keys = new Set<string>();
  const add = (kind: ReferencedKind, name: string | undefined): void => {
    if (name) keys.add(referenceKey(kind, namespace, name));
  };
  for (const { name, configMap, secret, projected, persistentVolumeClaim, ephemeral } of pod.spec.volumes ?? []) {
    add('ConfigMap', configMap?.name);
    add('Secret', secret?.secretName);
    add('PersistentVolumeClaim', persistentVolumeClaim?.claimName ?? (ephemeral && `${podName}-${name}`));
    for (const source of projected?.sources ?? []) {
      add('ConfigMap', source.configMap?.name);
      add('Secret', source.secret?.name);
    }
  }
  for (const { name } of pod.spec.imagePullSecrets ?? []) add('Secret', name);
  const containers: readonly Container[] = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  for (const { env, envFrom } of containers) {
    for (const { configMapRef, secretRef } of envFrom ?? []) {
      add('ConfigMap', configMapRef?.name);
      add('Secret', secretRef?.name);
    }
    for (const { valueFrom } of env ?? []) {
      add('ConfigMap', valueFrom?.configMapKeyRef?.name);
      add('Secret', valueFrom?.secretKeyRef?.name);
    }
  }
  return keys;
}
