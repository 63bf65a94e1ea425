import { isNotFound } from '../../api/errors.ts';
import { ConfigMaps, PersistentVolumeClaims, PersistentVolumes, Secrets, ServiceAccounts } from '../../api/kinds.ts';
import type { KubernetesObject, ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client } from '../../client/client.ts';
import type { InformerSet } from '../../client/informer.ts';
import type { References } from './references.ts';

/** Resolves once, with what the follower's cache has; a miss is asked of the API, whose word it is. */
export function apiReferences(client: Client, informers: InformerSet): References {
  const find = async <T extends KubernetesObject>(type: ResourceType<T>, key: ObjectKey): Promise<T | undefined> => {
    const informer = informers.get(type);
    await informer.synced;
    const cached = informer.get(key);
    if (cached) return cached;
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
    claim: (namespace, name) => find(PersistentVolumeClaims, { namespace, name }),
    volume: (name) => find(PersistentVolumes, { name }),
    async token(namespace, serviceAccount, { audience, expirationSeconds, podName, podUid }) {
      const answer = await client.createSubresource(ServiceAccounts, { namespace, name: serviceAccount }, 'token', {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        spec: {
          audiences: audience === undefined ? [] : [audience],
          expirationSeconds: expirationSeconds ?? 3600,
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
