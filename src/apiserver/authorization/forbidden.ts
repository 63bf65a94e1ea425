import { apiError } from '../../api/errors.ts';
import type { UserInfo } from '../../registry/requests.ts';
import type { Attributes } from './authorizer.ts';

/** What somebody is told who may not do something; `why`: what is behind it, empty when there is no more to say. */
export function forbidden(user: UserInfo, attributes: Attributes, why: string): Error {
  const who = `User ${JSON.stringify(user.name)} cannot ${attributes.verb}`;
  if ('path' in attributes) {
    return apiError('Forbidden', `forbidden: ${who} path ${JSON.stringify(attributes.path)}`);
  }
  const { group, resource, subresource, namespace, name } = attributes;
  const what = `${resource}${subresource === undefined ? '' : `/${subresource}`}`;
  const scope = namespace === undefined ? 'at the cluster scope' : `in the namespace ${JSON.stringify(namespace)}`;
  const object = `${group === '' ? resource : `${resource}.${group}`}${name === undefined ? '' : ` ${JSON.stringify(name)}`}`;
  const because = why === '' ? '' : `: ${why}`;
  return apiError(
    'Forbidden',
    `${object} is forbidden: ${who} resource ${JSON.stringify(what)} in API group ${JSON.stringify(group)} ${scope}${because}`,
  );
}
