import { apiError, type FieldError, invalid, notFound } from '../../api/errors.ts';
import type { LabelSelector, Scale } from '../../api/generated/types.ts';
import { formatSelector } from '../../api/labels.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource-type.ts';
import { Scales } from '../../api/scales.ts';
import { objectType } from '../../api/schema-types.ts';
import type { Entry } from '../../store/store.ts';
import { withCurrent } from '../commits.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { customScale } from '../custom-resources/custom-scale.ts';
import { readObject, sealObject } from '../input.ts';
import { storeKey } from '../keys.ts';
import { knownType, withManagers, writerOf } from '../managed-fields.ts';
import { assertCurrent, assertSameObject } from '../metadata.ts';
import { applyConfiguration } from '../patch/apply.ts';
import { applyPatch } from '../patch/patch.ts';
import type { PatchRequest, RequestContext } from '../requests.ts';
import type { AnyObject } from '../strategies/strategy.ts';
import { storeChange } from '../update-object.ts';
import { isJsonObject } from '../values.ts';

/** S5: replicas as wanted and as they are, with the selector of the pods as text. */
function scaleOf(type: ResourceType, object: AnyObject): Scale {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const paths = customScale(type);
  const replicas = paths === undefined ? object.spec?.replicas : paths.replicas(object);
  const present = paths === undefined ? object.status?.replicas : paths.present(object);
  const selector = paths === undefined ? selectorText(object.spec?.selector) : paths.selector(object);
  return sealObject({
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: { name, ...(namespace !== undefined && { namespace }), uid, resourceVersion, creationTimestamp },
    spec: { replicas: typeof replicas === 'number' ? replicas : paths === undefined ? 1 : 0 },
    status: {
      replicas: typeof present === 'number' ? present : 0,
      ...(selector !== undefined && { selector }),
    },
  });
}

function selectorText(selector: unknown): string | undefined {
  return isJsonObject(selector) ? formatSelector(selector as LabelSelector) : undefined;
}

function withReplicas(type: ResourceType, object: AnyObject, replicas: number): AnyObject {
  return customScale(type)?.withReplicas(object, replicas) ?? { ...object, spec: { ...object.spec, replicas } };
}

export async function getScale(core: RegistryCore, type: ResourceType, key: ObjectKey): Promise<Scale> {
  const entry = await core.store.get(storeKey(type, key));
  if (entry === undefined) throw notFound(type, key.name);
  const object = objectOf(entry);
  const path = type.custom?.subresources?.scale?.specReplicasPath;
  if (path !== undefined && customScale(type)?.replicas(object) === undefined) {
    throw apiError('InternalError', `the spec replicas field ${JSON.stringify(path)} does not exist`, { type });
  }
  return scaleOf(type, object);
}

/** PUT of a scale: changes `spec.replicas` of the object and nothing else. */
export function updateScale(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  body: unknown,
  context: RequestContext,
): Promise<Scale> {
  return changeScale(core, type, key, () => body, context);
}

/** PATCH of a scale. */
export function patchScale(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  patch: PatchRequest,
  context: RequestContext,
): Promise<Scale> {
  if (patch.type === 'apply') return applyScale(core, type, key, patch, context);
  const kind = patch.type;
  return changeScale(core, type, key, (scale) => applyPatch(kind, scale, patch.body, objectType('Scale')), context);
}

function changeScale(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  change: (scale: Scale) => unknown,
  context: RequestContext,
): Promise<Scale> {
  const path = storeKey(type, key);
  return withCurrent(core, path, async (current) => {
    if (current === undefined) throw notFound(type, key.name);
    const old = objectOf(current);
    const scale = readObject(Scales, change(scaleOf(type, old)), context);
    assertSameObject(type, key, scale);
    assertCurrent(type, scale, old);
    const object = withManagers(core, type, withReplicas(type, old, wantedReplicas(scale)), old, context);
    return storeScaled(core, type, path, current, object, context);
  });
}

/** Server-side apply: the number is a field of the object, owned through this route. */
function applyScale(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  { body, force = false }: PatchRequest,
  context: RequestContext,
): Promise<Scale> {
  const schema = knownType(type);
  if (schema === undefined) throw notFound(type, key.name);
  const given = readObject(Scales, body, context);
  assertSameObject(type, key, { ...given, metadata: { ...given.metadata, name: given.metadata.name ?? key.name } });
  if (given.spec?.replicas === undefined) throw invalidReplicas(given, 'FieldValueRequired', 'Required value');
  const { resourceVersion, uid, managedFields } = given.metadata;
  const identity = { apiVersion: apiVersionOf(type), kind: type.kind, metadata: { managedFields } };
  const config = withReplicas(type, identity as unknown as AnyObject, wantedReplicas(given));
  const path = storeKey(type, key);
  return withCurrent(core, path, async (current) => {
    if (current === undefined) throw notFound(type, key.name);
    const live = objectOf(current);
    assertCurrent(
      type,
      { ...live, metadata: { ...live.metadata, resourceVersion, uid } as AnyObject['metadata'] },
      live,
    );
    const writer = writerOf(core, type, context);
    const applied = readObject(type, applyConfiguration({ type: schema, live, config, writer, force }), context, live);
    return storeScaled(core, type, path, current, applied, context);
  });
}

/** Stores an object of which the number has changed; who owns it has been worked out. */
async function storeScaled(
  core: RegistryCore,
  type: ResourceType,
  path: string,
  current: Entry,
  object: AnyObject,
  { subresource: _, ...mainRoute }: RequestContext,
): Promise<Scale> {
  const stored = await storeChange(core, type, path, current, object, mainRoute, 'said');
  return scaleOf(type, stored.object);
}

/** Throws `Invalid` for less than none. A scale without a number means none, as in Kubernetes. */
function wantedReplicas(scale: AnyObject): number {
  const replicas = scale.spec?.replicas ?? 0;
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return replicas;
  const message = `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`;
  throw invalidReplicas(scale, 'FieldValueInvalid', message);
}

function invalidReplicas({ metadata }: AnyObject, reason: FieldError['reason'], message: string): Error {
  return invalid(Scales, metadata.name ?? '', [{ reason, field: 'spec.replicas', message }]);
}
