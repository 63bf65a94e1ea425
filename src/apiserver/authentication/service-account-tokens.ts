import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

import { isNotFound } from '../../api/errors.ts';
import { Nodes, Pods, Secrets, ServiceAccounts } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Registry, RequestContext, UserInfo } from '../../registry/requests.ts';
import type { TokenClaims, TokenIssuer } from '../../registry/token-issuer.ts';
import { API_AUDIENCE, MASTERS_GROUP, type TokenReader } from './authenticator.ts';

const ISSUER = API_AUDIENCE;
const EXTRA = 'authentication.kubernetes.io';
const CONTEXT: RequestContext = { user: { name: 'system:apiserver', groups: [MASTERS_GROUP] } };

/** JSON Web Tokens (RFC 7519) of service accounts, signed with ES256. `key`: the private key, PEM. */
export function tokenIssuer(key: string): TokenIssuer {
  const privateKey = createPrivateKey(key);
  const header = encode({ alg: 'ES256', kid: keyId(createPublicKey(privateKey)) });
  return {
    audience: ISSUER,
    issue(claims) {
      const content = `${header}.${encode(payloadOf(claims))}`;
      const signature = sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' });
      return `${content}.${signature.toString('base64url')}`;
    },
  };
}

function payloadOf({ namespace, serviceAccount, pod, secret, node, audiences, issuedAt, expiresAt, id }: TokenClaims) {
  return {
    aud: audiences,
    exp: expiresAt,
    iat: issuedAt,
    nbf: issuedAt,
    iss: ISSUER,
    jti: id,
    'kubernetes.io': {
      namespace,
      ...(node && { node }),
      ...(pod && { pod }),
      ...(secret && { secret }),
      serviceaccount: serviceAccount,
    },
    sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
  };
}

/** How many tokens are remembered, so that their signatures are not checked with every request. */
const REMEMBERED = 4096;

/**
 * Recognises the tokens of {@link tokenIssuer}: signed by us, not over, for one of those who are asked for, and of a
 * service account (and a pod, secret or node, if bound to one) that is still the one it was made for.
 */
export function serviceAccountTokens(key: string, registry: Registry, clock: Clock): TokenReader {
  const publicKey = createPublicKey(createPrivateKey(key));
  const remembered = new Map<string, TokenClaims>();
  const read = (token: string): TokenClaims | undefined => {
    const known = remembered.get(token);
    if (known !== undefined) return known;
    const claims = verified(token, publicKey);
    if (claims === undefined) return undefined;
    const [oldest] = remembered.keys();
    if (remembered.size >= REMEMBERED && oldest !== undefined) remembered.delete(oldest);
    remembered.set(token, claims);
    return claims;
  };
  return async (token, wanted = [ISSUER]) => {
    const claims = read(token);
    if (claims === undefined) return undefined;
    const seconds = clock.now() / 1000;
    const audiences = claims.audiences.filter((audience) => wanted.includes(audience));
    if (claims.expiresAt <= seconds || claims.issuedAt > seconds + 60 || audiences.length === 0) return undefined;
    const { namespace, serviceAccount, pod, secret, node } = claims;
    const isThere = async (type: ResourceType, { name, uid }: { readonly name: string; readonly uid: string }) =>
      isSame(registry, type, type.namespaced ? { namespace, name } : { name }, uid);
    if (!(await isThere(ServiceAccounts, serviceAccount))) return undefined;
    if (pod !== undefined && !(await isThere(Pods, pod))) return undefined;
    if (secret !== undefined && !(await isThere(Secrets, secret))) return undefined;
    const { uid } = node ?? {};
    if (node !== undefined && uid !== undefined && !(await isThere(Nodes, { ...node, uid }))) return undefined;
    return { user: userOf(claims), audiences };
  };
}

function userOf({ namespace, serviceAccount, pod, node, id }: TokenClaims): UserInfo {
  const extra: Record<string, readonly string[]> = { [`${EXTRA}/credential-id`]: [`JTI=${id}`] };
  if (pod !== undefined) {
    extra[`${EXTRA}/pod-name`] = [pod.name];
    extra[`${EXTRA}/pod-uid`] = [pod.uid];
  }
  if (node !== undefined) extra[`${EXTRA}/node-name`] = [node.name];
  return {
    name: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
    uid: serviceAccount.uid,
    extra,
  };
}

async function isSame(registry: Registry, type: ResourceType, key: ObjectKey, uid: string): Promise<boolean> {
  try {
    return (await registry.get(type, key, CONTEXT)).object.metadata.uid === uid;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}

/** What a token says, if it is one of ours. */
function verified(token: string, key: KeyObject): TokenClaims | undefined {
  const [header = '', payload = '', signature = '', ...more] = token.split('.');
  if (signature === '' || more.length > 0) return undefined;
  const isOurs = verify(
    'sha256',
    Buffer.from(`${header}.${payload}`),
    { key, dsaEncoding: 'ieee-p1363' },
    Buffer.from(signature, 'base64url'),
  );
  // What we have signed we have written: its form is known.
  if (!isOurs) return undefined;
  const said = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as ReturnType<typeof payloadOf>;
  const { aud: audiences, exp: expiresAt, iat: issuedAt, jti: id, 'kubernetes.io': subject } = said;
  const { serviceaccount: serviceAccount, ...bound } = subject;
  return { ...bound, serviceAccount, audiences, issuedAt, expiresAt, id };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function keyId(key: KeyObject): string {
  return hash('sha256', key.export({ type: 'spki', format: 'der' }), 'base64url');
}
