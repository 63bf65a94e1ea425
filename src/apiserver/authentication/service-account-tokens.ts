import { createPrivateKey, createPublicKey, hash, type KeyObject, sign, verify } from 'node:crypto';

import { isNotFound } from '../../api/errors.ts';
import { Pods, ServiceAccounts } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Registry, RequestContext, UserInfo } from '../../registry/requests.ts';
import type { TokenClaims, TokenIssuer } from '../../registry/token-issuer.ts';
import { MASTERS_GROUP, type TokenReader } from './authenticator.ts';

const ISSUER = 'https://kubernetes.default.svc.cluster.local';
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

function payloadOf({ namespace, serviceAccount, pod, audiences, issuedAt, expiresAt, id }: TokenClaims) {
  return {
    aud: audiences,
    exp: expiresAt,
    iat: issuedAt,
    nbf: issuedAt,
    iss: ISSUER,
    jti: id,
    'kubernetes.io': { namespace, ...(pod && { pod }), serviceaccount: serviceAccount },
    sub: `system:serviceaccount:${namespace}:${serviceAccount.name}`,
  };
}

/**
 * Recognises the tokens of {@link tokenIssuer}: signed by us, for us, not over, and of a service account (and a pod, if
 * bound to one) that is still the one it was made for.
 */
export function serviceAccountTokens(key: string, registry: Registry, clock: Clock): TokenReader {
  const publicKey = createPublicKey(createPrivateKey(key));
  return async (token) => {
    const claims = verified(token, publicKey);
    if (claims === undefined) return undefined;
    const seconds = clock.now() / 1000;
    if (claims.expiresAt <= seconds || claims.issuedAt > seconds + 60 || !claims.audiences.includes(ISSUER))
      return undefined;
    const { namespace, serviceAccount, pod } = claims;
    const isThere = (type: ResourceType, { name, uid }: { name: string; uid: string }): Promise<boolean> =>
      isSame(registry, type, { namespace, name }, uid);
    if (!(await isThere(ServiceAccounts, serviceAccount))) return undefined;
    if (pod !== undefined && !(await isThere(Pods, pod))) return undefined;
    return userOf(namespace, serviceAccount.name);
  };
}

function userOf(namespace: string, name: string): UserInfo {
  return {
    name: `system:serviceaccount:${namespace}:${name}`,
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
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

type Verified = Pick<TokenClaims, 'namespace' | 'serviceAccount' | 'pod' | 'audiences' | 'issuedAt' | 'expiresAt'>;

/** What a token says, if it is one of ours. */
function verified(token: string, key: KeyObject): Verified | undefined {
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
  const { aud, exp, iat, 'kubernetes.io': subject } = said;
  const { namespace, serviceaccount: serviceAccount, pod } = subject;
  return { namespace, serviceAccount, ...(pod && { pod }), audiences: aud, issuedAt: iat, expiresAt: exp };
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function keyId(key: KeyObject): string {
  return hash('sha256', key.export({ type: 'spki', format: 'der' }), 'base64url');
}
