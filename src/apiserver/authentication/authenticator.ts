import { hash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type PeerCertificate, TLSSocket } from 'node:tls';

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

/** Tokens that are known beforehand. They are compared by their hashes, so that time tells nothing about them. */
export function staticTokens(users: ReadonlyMap<string, UserInfo>): TokenReader {
  const byHash = new Map([...users].map(([token, user]) => [hash('sha256', token), user]));
  return (token, audiences = [API_AUDIENCE]) => {
    const user = byHash.get(hash('sha256', token));
    return user !== undefined && audiences.includes(API_AUDIENCE) ? { user, audiences: [API_AUDIENCE] } : undefined;
  };
}

/**
 * Bearer tokens, then client certificates that our own authority has signed (their common name is the user, their
 * organizations the groups).
 */
export function authenticator(tokenReaders: readonly TokenReader[]): Authenticator {
  return (request) => {
    const header = request.headers.authorization;
    if (header !== undefined) return authenticateToken(header, tokenReaders);
    return request.socket instanceof TLSSocket ? certificateUser(request.socket) : undefined;
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

/** A connection has one certificate for all its requests. */
const certificateUsers = new WeakMap<TLSSocket, UserInfo | null>();

function certificateUser(socket: TLSSocket): UserInfo | undefined {
  const known = certificateUsers.get(socket);
  if (known !== undefined) return known ?? undefined;
  const user = socket.authorized ? userOf(socket.getPeerCertificate()) : null;
  certificateUsers.set(socket, user);
  return user ?? undefined;
}

function userOf(certificate: PeerCertificate): UserInfo | null {
  // Node's types leave out that a subject may have several values, or none.
  const subject: { CN?: string | string[]; O?: string | string[] } | undefined = certificate.subject;
  const name = [subject?.CN ?? []].flat()[0];
  return name === undefined ? null : authenticated({ name, groups: [subject?.O ?? []].flat() });
}

export function unauthorized(): Error {
  return apiError('Unauthorized', 'Unauthorized');
}
