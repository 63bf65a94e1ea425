import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client } from '../../client/client.ts';
import type { UserInfo } from '../../registry/requests.ts';
import type { Authorizer } from './authorizer.ts';
import { forbidden } from './forbidden.ts';

/**
 * A client in this process that may do what its user may, and no more. Watches are left to the caches that all parts of
 * the process share: they are refused.
 */
export function authorizedClient(client: Client, user: UserInfo, authorize: Authorizer): Client {
  const assertAllowed = async (
    verb: string,
    type: ResourceType,
    { namespace, name }: Partial<ObjectKey>,
    subresource?: string,
  ): Promise<void> => {
    const attributes = {
      verb,
      group: type.group,
      version: type.version,
      resource: type.plural,
      ...(namespace !== undefined && { namespace }),
      ...(name !== undefined && { name }),
      ...(subresource !== undefined && { subresource }),
    };
    const allowed = await authorize(user, attributes);
    if (allowed !== true) throw forbidden(user, attributes, allowed);
  };
  return {
    async get(type, key) {
      await assertAllowed('get', type, key);
      return client.get(type, key);
    },
    async list(type, options = {}) {
      await assertAllowed('list', type, options);
      return client.list(type, options);
    },
    async create(type, object, options) {
      const { namespace } = object.metadata;
      await assertAllowed('create', type, namespace === undefined ? {} : { namespace });
      return client.create(type, object, options);
    },
    async update(type, object, options) {
      await assertAllowed('update', type, object.metadata, options?.subresource);
      return client.update(type, object, options);
    },
    async patch(type, key, patch, options) {
      await assertAllowed('patch', type, key, options?.subresource);
      return client.patch(type, key, patch, options);
    },
    async delete(type, key, options) {
      await assertAllowed('delete', type, key);
      return client.delete(type, key, options);
    },
    async deleteCollection(type, list, options) {
      await assertAllowed('deletecollection', type, list);
      return client.deleteCollection(type, list, options);
    },
    async createSubresource(type, key, subresource, body) {
      await assertAllowed('create', type, key, subresource);
      return client.createSubresource(type, key, subresource, body);
    },
    async getSubresource(type, key, subresource) {
      await assertAllowed('get', type, key, subresource);
      return client.getSubresource(type, key, subresource);
    },
    watch(type) {
      throw forbidden(user, { verb: 'watch', group: type.group, version: type.version, resource: type.plural }, '');
    },
  };
}
