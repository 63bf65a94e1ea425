import { apiError, type FieldError, invalid, notFound } from '../../api/errors.ts';
import type { Pod, ServiceAccount, TokenRequest } from '../../api/generated/types.ts';
import { Nodes, Pods, Secrets, ServiceAccounts } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { timestamp } from '../../platform/clock.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { readObject } from '../input.ts';
import { storeKey } from '../keys.ts';
import type { RequestContext } from '../requests.ts';
import type { BoundObject, TokenClaims } from '../token-issuer.ts';

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
  const bound = boundObjectRef === undefined ? undefined : await boundObject(core, namespace, boundObjectRef);
  const pod = bound?.kind === 'pod' ? bound.pod : undefined;
  await context.guard?.(
    {
      verb: 'token',
      account: objectOf<ServiceAccount>(account),
      ...(pod !== undefined && { pod }),
      podUidGiven: (boundObjectRef?.uid ?? '') !== '',
    },
    context.user,
  );
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
    ...(bound !== undefined && claimsOf(bound)),
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

type Bound =
  | { readonly kind: 'pod'; readonly pod: Pod }
  | { readonly kind: 'secret' | 'node'; readonly metadata: BoundObject };

/** What a token can be bound to. */
const BOUND_TYPES: Readonly<Record<string, ResourceType>> = { Pod: Pods, Secret: Secrets, Node: Nodes };

async function boundObject(
  { store }: RegistryCore,
  namespace: string,
  { kind = '', name = '', uid = '' }: NonNullable<TokenRequest['spec']['boundObjectRef']>,
): Promise<Bound> {
  const type = BOUND_TYPES[kind];
  if (type === undefined) throw apiError('BadRequest', `cannot bind token to object of type ${JSON.stringify(kind)}`);
  const entry = await store.get(storeKey(type, type.namespaced ? { namespace, name } : { name }));
  if (entry === undefined) throw notFound(type, name);
  const { metadata } = objectOf(entry);
  if (uid !== '' && uid !== metadata.uid) {
    throw apiError(
      'Conflict',
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  if (type === Pods) return { kind: 'pod', pod: objectOf<Pod>(entry) };
  return { kind: type === Nodes ? 'node' : 'secret', metadata: { name, uid: metadata.uid } };
}

function claimsOf(bound: Bound): Pick<TokenClaims, 'pod' | 'secret' | 'node'> {
  if (bound.kind !== 'pod') return { [bound.kind]: bound.metadata };
  const { metadata, spec } = bound.pod;
  const { nodeName } = spec;
  return {
    pod: { name: metadata.name, uid: metadata.uid },
    ...(nodeName !== undefined && { node: { name: nodeName } }),
  };
}
