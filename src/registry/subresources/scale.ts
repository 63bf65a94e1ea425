import { apiError, type FieldError, invalid, notFound } from '../../api/errors.ts';
import type { LabelSelector, Scale } from '../../api/generated/types.ts';
import { formatSelector } from '../../api/labels.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { objectType } from '../../api/schema-types.ts';
import { withCurrent } from '../commits.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { customScale } from '../custom-resources/custom-scale.ts';
import { readObject, sealObject } from '../input.ts';
import { storeKey } from '../keys.ts';
import { assertCurrent, assertSameObject } from '../metadata.ts';
import { applyPatch } from '../patch/patch.ts';
import type { PatchRequest, RequestContext } from '../requests.ts';
import type { AnyObject } from '../strategies/strategy.ts';
import { storeChange } from '../update-object.ts';
import { isJsonObject } from '../values.ts';

/** How the part of an object that autoscalers and `kubectl scale` work on is called on the wire. It is never stored. */
const Scales: ResourceType<Scale> = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  singular: 'scale',
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: 'Scale',
};

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
  return scaleOf(type, objectOf(entry));
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
  if (patch.type === 'apply') {
    throw apiError('UnsupportedMediaType', 'server-side apply is not supported for a scale', { type });
  }
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
    const replicas = wantedReplicas(scale);
    const object = withReplicas(type, old, replicas);
    const { subresource: _, ...mainRoute } = context;
    const stored = await storeChange(core, type, path, current, object, mainRoute);
    return scaleOf(type, stored.object);
  });
}

/** Throws `Invalid` for less than none. A scale without a number means none, as in Kubernetes. */
function wantedReplicas({ metadata, spec }: AnyObject): number {
  const replicas = spec?.replicas ?? 0;
  if (typeof replicas === 'number' && Number.isInteger(replicas) && replicas >= 0) return replicas;
  const error: FieldError = {
    reason: 'FieldValueInvalid',
    field: 'spec.replicas',
    message: `Invalid value: ${JSON.stringify(replicas)}: must be greater than or equal to 0`,
  };
  throw invalid(Scales, metadata.name, [error]);
}
