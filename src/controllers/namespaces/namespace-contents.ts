import { isAlreadyExists, isNotFound, isReason } from '../../api/errors.ts';
import { ConfigMaps, Namespaces, ServiceAccounts } from '../../api/kinds.ts';
import { type Controller, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';

export interface NamespaceContentsOptions extends Omit<ControllerParts, 'events'> {
  /** The certificate of the authority that vouches for the API server, in PEM; pods find it in every namespace. */
  readonly rootCertificate: string;
}

const SERVICE_ACCOUNT = 'default';
const ROOT_CERTIFICATE_MAP = 'kube-root-ca.crt';
const ROOT_CERTIFICATE_KEY = 'ca.crt';
const DESCRIPTION =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/**
 * Starts the controller of what clients expect in every namespace: the `default` ServiceAccount, and the ConfigMap
 * `kube-root-ca.crt`, which is put right when somebody changes it.
 */
export function startNamespaceContents(options: NamespaceContentsOptions): Controller {
  const { client, informers, clock, logger, rootCertificate } = options;
  const namespaces = informers.get(Namespaces);
  const accounts = informers.get(ServiceAccounts, { fieldSelector: `metadata.name=${SERVICE_ACCOUNT}` });
  const maps = informers.get(ConfigMaps, { fieldSelector: `metadata.name=${ROOT_CERTIFICATE_MAP}` });

  const ensureAccount = async (namespace: string): Promise<void> => {
    if (accounts.get({ namespace, name: SERVICE_ACCOUNT }) !== undefined) return;
    await client.create(ServiceAccounts, { metadata: { namespace, name: SERVICE_ACCOUNT } });
  };
  const ensureMap = async (namespace: string): Promise<void> => {
    const before = maps.get({ namespace, name: ROOT_CERTIFICATE_MAP });
    const data = { [ROOT_CERTIFICATE_KEY]: rootCertificate };
    if (before === undefined) {
      const annotations = { 'kubernetes.io/description': DESCRIPTION };
      await client.create(ConfigMaps, { metadata: { namespace, name: ROOT_CERTIFICATE_MAP, annotations }, data });
    } else if (before.data?.[ROOT_CERTIFICATE_KEY] !== rootCertificate || Object.keys(before.data).length !== 1) {
      await client.update(ConfigMaps, { ...before, data });
    }
  };
  /** It is there by now, or the namespace is ending. */
  const isFine = (error: unknown): boolean =>
    isAlreadyExists(error) || isNotFound(error) || isReason(error, 'Forbidden');
  return runController({
    name: 'namespace-contents',
    clock,
    logger,
    reconcile: async (namespace) => {
      const object = namespaces.get({ name: namespace });
      if (object === undefined || object.metadata.deletionTimestamp !== undefined) return;
      const outcomes = await Promise.allSettled([ensureAccount(namespace), ensureMap(namespace)]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected' && !isFine(outcome.reason)) throw outcome.reason;
      }
    },
    caches: [namespaces, accounts, maps],
    follow: (queue) => [
      namespaces.subscribe((changes) => {
        for (const { type, object } of changes) if (type === 'added') queue.enqueue(object.metadata.name);
      }),
      accounts.subscribe((changes) => {
        for (const { type, object } of changes) if (type === 'deleted') queue.enqueue(object.metadata.namespace ?? '');
      }),
      maps.subscribe((changes) => {
        for (const { object } of changes) queue.enqueue(object.metadata.namespace ?? '');
      }),
    ],
  });
}
