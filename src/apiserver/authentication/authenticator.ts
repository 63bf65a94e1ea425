import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';

import { apiError } from '../../api/errors.ts';
import type { UserInfo } from '../../registry/requests.ts';

/** The group of those whom nothing is forbidden. */
export const MASTERS_GROUP = 'system:masters';
const AUTHENTICATED_GROUP = 'system:authenticated';

/** Finds out who sends a request: undefined for nobody in particular. Throws `Unauthorized` for credentials that are wrong. */
export type Authenticator = (request: IncomingMessage) => UserInfo | undefined | Promise<UserInfo | undefined>;

/** Whom tokens are for that the API server takes. */
export const API_AUDIENCE = 'https://kubernetes.default.svc.cluster.local';

/** Whose a token is, and for which of those who were asked for. */
export interface Identified {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/**
 * Recognises a bearer token; undefined for one it does not know, or that is for none of `audiences`, which is the API
 * server itself unless others are named.
 */
export type TokenReader = (
  token: string,
  audiences?: readonly string[],
) => Identified | undefined | Promise<Identified | undefined>;

/**
 * Tokens that are known beforehand. A map looks for them by their hash, whose seed nobody knows, so that time tells
 * nothing about them.
 */
export function staticTokens(users: ReadonlyMap<string, UserInfo>): TokenReader {
  const known = new Map(
    [...users].map(([token, user]) => [token, { user: authenticated(user), audiences: [API_AUDIENCE] }]),
  );
  return (token, audiences) =>
    audiences === undefined || audiences.includes(API_AUDIENCE) ? known.get(token) : undefined;
}

/** Whose certificate a connection shows; undefined when it shows none, or none that counts. */
export type CertificateReader = (socket: TLSSocket) => UserInfo | undefined;

/** Browsers give a token with a WebSocket as one of its protocols, which begins so; the rest is the token in base64url. */
export const BEARER_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** The header that a browser would send if it could. */
function authorizationOf({ headers }: IncomingMessage): string | undefined {
  if (headers.authorization !== undefined || headers.upgrade?.toLowerCase() !== 'websocket')
    return headers.authorization;
  const offered = headers['sec-websocket-protocol'] ?? '';
  const protocol = offered.split(',').find((each) => each.trim().startsWith(BEARER_PROTOCOL));
  if (protocol === undefined) return undefined;
  return `Bearer ${Buffer.from(protocol.trim().slice(BEARER_PROTOCOL.length), 'base64url').toString('utf8')}`;
}

/** Bearer tokens, then the certificate of the connection. */
export function authenticator(tokenReaders: readonly TokenReader[], readCertificate: CertificateReader): Authenticator {
  return (request) => {
    const header = authorizationOf(request);
    if (header !== undefined) return authenticateToken(header, tokenReaders);
    return request.socket instanceof TLSSocket ? readCertificate(request.socket) : undefined;
  };
}

function authenticateToken(header: string, readers: readonly TokenReader[]): UserInfo | Promise<UserInfo> {
  const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
  if (token === undefined) throw unauthorized();
  let index = 0;
  const tryNext = (): UserInfo | Promise<UserInfo> => {
    while (index < readers.length) {
      const found = readers[index++]?.(token);
      if (found instanceof Promise) return found.then((late) => (late ? authenticated(late.user) : tryNext()));
      if (found !== undefined) return authenticated(found.user);
    }
    throw unauthorized();
  };
  return tryNext();
}

export function authenticated(user: UserInfo): UserInfo {
  return user.groups.includes(AUTHENTICATED_GROUP) ? user : { ...user, groups: [...user.groups, AUTHENTICATED_GROUP] };
}

export function unauthorized(): Error {
  return apiError('Unauthorized', 'Unauthorized');
}
