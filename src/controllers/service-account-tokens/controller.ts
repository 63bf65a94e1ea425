import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Secret, ServiceAccount } from '../../api/generated/types.ts';
import { Secrets, ServiceAccounts } from '../../api/kinds.ts';
import { formatKey, keyOf } from '../../api/meta.ts';
import { type Controller, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';

export interface TokenSecretsOptions extends Omit<ControllerParts, 'events'> {
  /** PEM: whom the clients with the token trust. */
  readonly rootCertificate: string;
}

const TYPE = 'kubernetes.io/service-account-token';
const ACCOUNT_NAME = 'kubernetes.io/service-account.name';
const ACCOUNT_UID = 'kubernetes.io/service-account.uid';
/** As long as the API gives any: the token ends with its secret. */
const LONGEST_SECONDS = 2 ** 32;

/**
 * Starts the controller of secrets of the type `kubernetes.io/service-account-token`: they get a token of the account
 * they name, and go with it.
 */
export function startTokenSecrets(options: TokenSecretsOptions): Controller {
  const { client, informers, clock, logger, rootCertificate } = options;
  const secrets = informers.get(Secrets, { fieldSelector: `type=${TYPE}` });
  const accounts = informers.get(ServiceAccounts);

  const accountOf = async ({ metadata }: Secret): Promise<ServiceAccount | undefined> => {
    const { namespace = '', annotations = {} } = metadata;
    try {
      // Not the cache, which may not have it yet: the secret of an account that is not there goes.
      const account = await client.get(ServiceAccounts, { namespace, name: annotations[ACCOUNT_NAME] ?? '' });
      const uid = annotations[ACCOUNT_UID];
      return uid === undefined || uid === account.metadata.uid ? account : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  };
  const newToken = async ({ metadata }: Secret, account: ServiceAccount): Promise<string> => {
    const answer = await client.createSubresource(ServiceAccounts, keyOf(account), 'token', {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        expirationSeconds: LONGEST_SECONDS,
        boundObjectRef: { kind: 'Secret', apiVersion: 'v1', name: metadata.name, uid: metadata.uid },
      },
    });
    return (answer as { readonly status: { readonly token: string } }).status.token;
  };
  const filled = async (secret: Secret, account: ServiceAccount): Promise<Secret | undefined> => {
    const { data = {}, metadata } = secret;
    const wanted = { 'ca.crt': base64(rootCertificate), namespace: base64(metadata.namespace ?? '') };
    const isRight = Object.entries(wanted).every(([key, value]) => data[key] === value);
    if (isRight && data.token && metadata.annotations?.[ACCOUNT_UID] !== undefined) return undefined;
    return {
      ...secret,
      metadata: { ...metadata, annotations: { ...metadata.annotations, [ACCOUNT_UID]: account.metadata.uid } },
      data: { ...data, ...wanted, token: data.token || base64(await newToken(secret, account)) },
    };
  };

  const controller = runController({
    name: 'service-account-tokens',
    clock,
    logger,
    async reconcile(key): Promise<ReconcileResult | undefined> {
      await Promise.all([secrets.synced, accounts.synced]);
      const secret = secrets.getByKey(key);
      if (secret === undefined || secret.metadata.deletionTimestamp !== undefined) return undefined;
      try {
        const account = await accountOf(secret);
        if (account === undefined) {
          await client.delete(Secrets, keyOf(secret), { preconditions: { uid: secret.metadata.uid } });
          return undefined;
        }
        const changed = await filled(secret, account);
        if (changed !== undefined) await client.update(Secrets, changed);
      } catch (error) {
        // The cache shows what has changed in between in a moment, and this secret is looked at again.
        if (!isConflict(error) && !isNotFound(error)) throw error;
      }
      return undefined;
    },
  });
  const unsubscribe = [
    secrets.subscribe((changes) => {
      for (const { type, object } of changes) if (type !== 'deleted') controller.enqueue(formatKey(keyOf(object)));
    }),
    accounts.subscribe((changes) => {
      for (const { type, object } of changes) {
        if (type !== 'deleted') continue;
        for (const secret of secrets.list()) if (names(secret, object)) controller.enqueue(formatKey(keyOf(secret)));
      }
    }),
  ];
  return {
    ...controller,
    stop: () => {
      for (const stop of unsubscribe) stop();
      return controller.stop();
    },
  };
}

function names({ metadata }: Secret, account: ServiceAccount): boolean {
  return (
    metadata.namespace === account.metadata.namespace && metadata.annotations?.[ACCOUNT_NAME] === account.metadata.name
  );
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
