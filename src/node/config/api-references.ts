import { isNotFound } from '../../api/errors.ts';
import { ConfigMaps, PersistentVolumeClaims, PersistentVolumes, Secrets, ServiceAccounts } from '../../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client } from '../../client/client.ts';
import type { InformerSet } from '../../client/informer.ts';
import type { References } from './references.ts';

/** Looks objects up in the caches; what a cache does not have, or not in a state to be used, the API is asked for. */
export function apiReferences(client: Client, informers: InformerSet): References {
  const find = async <T extends KubernetesObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    usable: (object: T) => boolean = () => true,
  ): Promise<T | undefined> => {
    const informer = informers.get(type);
    await informer.synced;
    const cached = informer.get(key);
    if (cached && usable(cached)) return cached;
    try {
      return await client.get(type, key);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  return {
    configMap: (namespace, name) => find(ConfigMaps, { namespace, name }),
    secret: (namespace, name) => find(Secrets, { namespace, name }),
    claim: (namespace, name) =>
      find(PersistentVolumeClaims, { namespace, name }, (claim) => claim.status?.phase === 'Bound'),
    volume: (name) => find(PersistentVolumes, { name }),
    async token(namespace, serviceAccount, { audience, expirationSeconds, podName, podUid }) {
      const answer = await client.createSubresource(ServiceAccounts, { namespace, name: serviceAccount }, 'token', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience === undefined ? [] : [audience],
          expirationSeconds,
          boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name: podName, uid: podUid },
        },
      });
      const token = tokenOf(answer);
      if (token === undefined)
        throw new Error(`the API gave no token for service account ${namespace}/${serviceAccount}`);
      return token;
    },
  };
}

function tokenOf(answer: object): string | undefined {
  if (!('status' in answer) || typeof answer.status !== 'object' || answer.status === null) return undefined;
  return 'token' in answer.status && typeof answer.status.token === 'string' ? answer.status.token : undefined;
}
