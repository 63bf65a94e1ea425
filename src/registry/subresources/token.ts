import { apiError, type FieldError, invalid, notFound } from '../../api/errors.ts';
import type { TokenRequest } from '../../api/generated/types.ts';
import { Pods, ServiceAccounts } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { timestamp } from '../../platform/clock.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { readObject } from '../input.ts';
import { storeKey } from '../keys.ts';
import type { RequestContext } from '../requests.ts';
import type { TokenClaims } from '../token-issuer.ts';

/** What is posted. It is never stored. */
const TokenRequests: ResourceType = {
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  plural: 'tokenrequests',
  singular: 'tokenrequest',
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: 'TokenRequest',
};

const DEFAULT_SECONDS = 3_600;
const SHORTEST_SECONDS = 600;
const LONGEST_SECONDS = 2 ** 32;

/** POST of a service account's `token`: one that ends by itself, and with the pod it is bound to. */
export async function createToken(
  core: RegistryCore,
  key: ObjectKey,
  body: unknown,
  context: RequestContext,
): Promise<object> {
  const { tokens, store, clock, random } = core;
  if (tokens === undefined) throw apiError('NotFound', 'the server could not find the requested resource');
  const given = readObject(TokenRequests, body, context) as unknown as Partial<TokenRequest>;
  const { audiences = [], expirationSeconds = DEFAULT_SECONDS, boundObjectRef } = given.spec ?? {};
  assertDuration(expirationSeconds);
  const account = await store.get(storeKey(ServiceAccounts, key));
  if (account === undefined) throw notFound(ServiceAccounts, key.name);
  const { namespace = '', uid } = objectOf(account).metadata;
  const pod = boundObjectRef === undefined ? undefined : await boundPod(core, namespace, boundObjectRef);
  const spec = {
    audiences: audiences.length > 0 ? audiences : [tokens.audience],
    expirationSeconds,
    ...(boundObjectRef !== undefined && { boundObjectRef }),
  };
  const issuedAt = Math.floor(clock.now() / 1000);
  const expiresAt = issuedAt + expirationSeconds;
  const token = tokens.issue({
    namespace,
    serviceAccount: { name: key.name, uid },
    ...(pod !== undefined && { pod }),
    audiences: spec.audiences,
    issuedAt,
    expiresAt,
    id: random.uuid(),
  });
  return {
    kind: 'TokenRequest',
    apiVersion: 'authentication.k8s.io/v1',
    metadata: { name: key.name, namespace, creationTimestamp: timestamp(clock.now()) },
    spec,
    status: { token, expirationTimestamp: timestamp(expiresAt * 1000) },
  };
}

function assertDuration(seconds: number): void {
  const problem = (message: string): Error => {
    const error: FieldError = { reason: 'FieldValueInvalid', field: 'spec.expirationSeconds', message };
    return invalid(TokenRequests, '', [error]);
  };
  if (seconds < SHORTEST_SECONDS) {
    throw problem(`Invalid value: ${seconds}: may not specify a duration less than 10 minutes`);
  }
  if (seconds > LONGEST_SECONDS) {
    throw problem(`Invalid value: ${seconds}: may not specify a duration larger than 2^32 seconds`);
  }
}

async function boundPod(
  { store }: RegistryCore,
  namespace: string,
  reference: NonNullable<TokenRequest['spec']['boundObjectRef']>,
): Promise<NonNullable<TokenClaims['pod']>> {
  const { kind, name = '', uid } = reference;
  if (kind !== 'Pod')
    throw apiError('BadRequest', `cannot bind token for serviceaccount to object of type ${kind ?? ''}`);
  const entry = await store.get(storeKey(Pods, { namespace, name }));
  if (entry === undefined) throw notFound(Pods, name);
  const actual = objectOf(entry).metadata.uid;
  if (uid !== undefined && uid !== '' && uid !== actual) {
    throw apiError(
      'Conflict',
      `the UID in the bound object reference (${uid}) does not match the UID in record (${actual})`,
    );
  }
  return { name, uid: actual };
}
