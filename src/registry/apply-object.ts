import { apiError, conflict, isAlreadyExists } from '../api/errors.ts';
import type { ObjectKey } from '../api/meta.ts';
import { qualifiedName, type ResourceType } from '../api/resource-type.ts';
import { withCurrent } from './commits.ts';
import { objectOf, type RegistryCore } from './core.ts';
import { createObject } from './create-object.ts';
import { applyDefaults } from './defaulting/defaulting.ts';
import { readObject } from './input.ts';
import { storeKey } from './keys.ts';
import { knownType, writerOf } from './managed-fields.ts';
import { assertIdentityKept, assertSameObject } from './metadata.ts';
import { applyConfiguration } from './patch/apply.ts';
import type { PatchRequest, RequestContext, StoredObject } from './requests.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { storeChange } from './update-object.ts';

/** How often an apply that is overtaken by the creation or the end of its object begins again. */
const ATTEMPTS = 5;

/**
 * Server-side apply: makes the object, or changes it as far as the configuration says. Throws `Conflict` with a cause
 * for each field that somebody else owns, unless `force`.
 */
export async function applyObject(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  { body, force = false }: PatchRequest,
  context: RequestContext,
): Promise<StoredObject> {
  const schema = knownType(type);
  if (schema === undefined) {
    throw apiError('UnsupportedMediaType', 'server-side apply is not supported for this kind', { type });
  }
  const config = configurationOf(type, key, readObject(type, body, context));
  const path = storeKey(type, key);
  const apply = (live: AnyObject | undefined): object =>
    applyConfiguration({
      type: schema,
      live,
      config,
      writer: writerOf(core, type, context),
      force,
      complete: (object) => applyDefaults(type, object),
    });

  for (let attempt = 1; ; attempt += 1) {
    const changed = await withCurrent(core, path, async (current) => {
      if (current === undefined) return undefined;
      const old = objectOf(current);
      const object = readObject(type, apply(old), context, old);
      assertIdentityKept(type, key, object, old);
      return storeChange(core, type, path, current, object, context, 'said');
    });
    if (changed !== undefined) return changed;
    assertMayBeNew(type, key, config, context);
    try {
      return await createObject(core, type, key.namespace, apply(undefined), context, 'said');
    } catch (error) {
      if (!isAlreadyExists(error) || attempt === ATTEMPTS) throw error;
    }
  }
}

/** The configuration says of the object's key what the request says, or nothing. Throws `BadRequest` otherwise. */
function configurationOf(type: ResourceType, key: ObjectKey, body: AnyObject): AnyObject {
  const { name = key.name, namespace = key.namespace } = body.metadata;
  const metadata = { ...body.metadata, name, ...(type.namespaced && namespace !== undefined && { namespace }) };
  const config = { ...body, metadata };
  assertSameObject(type, key, config);
  return config;
}

function assertMayBeNew(type: ResourceType, key: ObjectKey, config: AnyObject, { subresource }: RequestContext): void {
  if (subresource !== undefined) {
    throw apiError('NotFound', `${qualifiedName(type)} ${JSON.stringify(key.name)} not found`, {
      type,
      name: key.name,
    });
  }
  const { uid } = config.metadata;
  if (uid === undefined || uid === '') return;
  throw conflict(
    type,
    key.name,
    `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
  );
}
