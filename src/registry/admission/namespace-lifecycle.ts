import { apiError, notFound } from '../../api/errors.ts';
import type { Namespace } from '../../api/generated/types.ts';
import { Namespaces } from '../../api/kinds.ts';
import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { Precondition } from '../../store/store.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { storeKey } from '../keys.ts';
import type { AnyObject } from '../strategies/strategy.ts';

/**
 * The version of the namespace in which an object may be created; undefined when the kind has none. Throws unless the
 * namespace exists (`NotFound`) and is not being emptied (`Forbidden`).
 */
export async function admitNamespace(
  core: RegistryCore,
  type: ResourceType,
  object: AnyObject,
): Promise<Precondition | undefined> {
  const { namespace, name } = object.metadata;
  if (!type.namespaced || namespace === undefined) return undefined;
  const key = storeKey(Namespaces, { name: namespace });
  const entry = await core.store.get(key);
  if (entry === undefined) throw notFound(Namespaces, namespace);
  const { metadata, status } = objectOf<Namespace>(entry);
  if (metadata.deletionTimestamp === undefined && status?.phase !== 'Terminating') {
    return { key, revision: entry.revision };
  }
  throw apiError(
    'Forbidden',
    `${qualifiedName(type)} "${name}" is forbidden: unable to create new content in namespace ${namespace} because it is being terminated`,
    {
      type,
      name,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  );
}

const PROTECTED: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);

/** Throws `Forbidden` for a namespace that every cluster has. */
export function assertNamespaceDeletable(type: ResourceType, { metadata: { name } }: AnyObject): void {
  if (type.kind !== 'Namespace' || type.group !== '' || !PROTECTED.has(name)) return;
  throw apiError('Forbidden', `namespaces ${JSON.stringify(name)} is forbidden: this namespace may not be deleted`, {
    type,
    name,
  });
}
