import { ConfigMaps, PersistentVolumeClaims, Secrets } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { type ReferencedKind, referenceKey } from '../../api/pod-references.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { InformerSet } from '../../client/informer.ts';

/** Calls `changed` with the key of every object that pods may refer to, whenever it changes; the result ends that. */
export function followReferences(informers: InformerSet, changed: (key: string) => void): () => void {
  const follow = <T extends KubernetesObject>(type: ResourceType<T>, kind: ReferencedKind): (() => void) =>
    informers.get(type).subscribe((changes) => {
      for (const { object } of changes) {
        changed(referenceKey(kind, object.metadata.namespace ?? 'default', object.metadata.name));
      }
    });
  const ends = [
    follow(ConfigMaps, 'ConfigMap'),
    follow(Secrets, 'Secret'),
    follow(PersistentVolumeClaims, 'PersistentVolumeClaim'),
  ];
  return () => {
    for (const end of ends) end();
  };
}
