import type { IncomingMessage } from 'node:http';

import { apiError } from '../../api/errors.ts';
import type { UserInfo } from '../../registry/requests.ts';
import type { ResourceAttributes } from '../authorization/authorizer.ts';

const PREFIX = 'impersonate-';
const EXTRA_PREFIX = `${PREFIX}extra-`;
const SERVICE_ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** As whom the headers of a request want it to be taken; undefined when they do not say. */
export function impersonated(request: IncomingMessage): UserInfo | undefined {
  const { headers } = request;
  // Node makes the distinct headers when they are asked for: not for the many requests that want nothing of the kind.
  if (!Object.keys(headers).some((header) => header.startsWith(PREFIX))) return undefined;
  const { headersDistinct } = request;
  const name = headers['impersonate-user'];
  const uid = headers['impersonate-uid'];
  const groups = headersDistinct['impersonate-group'] ?? [];
  const extra = Object.entries(headersDistinct).flatMap(([header, values]) =>
    header.startsWith(EXTRA_PREFIX) && values !== undefined ? [[extraKey(header), values] as const] : [],
  );
  const isAsked = name !== undefined || uid !== undefined || groups.length > 0 || extra.length > 0;
  if (!isAsked) return undefined;
  if (typeof name !== 'string' || name === '') {
    throw apiError('BadRequest', `requested ${JSON.stringify({ uid, groups })} without impersonating a user name`);
  }
  return {
    name,
    groups,
    ...(typeof uid === 'string' && uid !== '' && { uid }),
    ...(extra.length > 0 && { extra: Object.fromEntries(extra) }),
  };
}

function extraKey(header: string): string {
  const key = header.slice(EXTRA_PREFIX.length);
  try {
    return decodeURIComponent(key);
  } catch {
    return key;
  }
}

/** All that somebody must be allowed who wants to be taken for `other`. */
export function impersonations({ name, groups, uid, extra = {} }: UserInfo): readonly ResourceAttributes[] {
  const impersonate = { verb: 'impersonate', version: 'v1' };
  const [, namespace, account] = SERVICE_ACCOUNT.exec(name) ?? [];
  const identity = { ...impersonate, group: 'authentication.k8s.io' };
  return [
    namespace !== undefined && account !== undefined
      ? { ...impersonate, group: '', resource: 'serviceaccounts', namespace, name: account }
      : { ...impersonate, group: '', resource: 'users', name },
    ...groups.map((group) => ({ ...impersonate, group: '', resource: 'groups', name: group })),
    ...(uid === undefined ? [] : [{ ...identity, resource: 'uids', name: uid }]),
    ...Object.entries(extra).flatMap(([key, values]) =>
      values.map((value) => ({ ...identity, resource: 'userextras', subresource: key, name: value })),
    ),
  ];
}

/** The user that is impersonated, with the groups that they are in by their name alone. */
export function impersonatedUser(other: UserInfo): UserInfo {
  const [, namespace] = SERVICE_ACCOUNT.exec(other.name) ?? [];
  // Groups that are asked for are all there are.
  const implied =
    namespace === undefined || other.groups.length > 0
      ? []
      : ['system:serviceaccounts', `system:serviceaccounts:${namespace}`];
  if (other.name === 'system:anonymous') {
    return { ...other, groups: [...new Set([...other.groups, 'system:unauthenticated'])] };
  }
  return { ...other, groups: [...new Set([...other.groups, ...implied, 'system:authenticated'])] };
}
