import { type ApiError, apiError } from '../../api/errors.ts';
import type { Scale } from '../../api/generated/types.ts';
import { Pods, ServiceAccounts } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { RegistryCore } from '../core.ts';
import type { PatchRequest, RequestContext } from '../requests.ts';
import { strategyOf } from '../strategies/strategies.ts';
import { bindPod } from './binding.ts';
import { evictPod } from './eviction.ts';
import { getScale, patchScale, updateScale } from './scale.ts';
import { createToken } from './token.ts';

const isPod = (type: ResourceType): boolean => qualifiedName(type) === qualifiedName(Pods);
const isServiceAccount = (type: ResourceType): boolean => qualifiedName(type) === qualifiedName(ServiceAccounts);

/** POST below an object. */
export async function createSubresource(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  subresource: string,
  body: unknown,
  context: RequestContext,
): Promise<object> {
  if (isPod(type) && subresource === 'binding') return bindPod(core, key, body, context);
  if (isPod(type) && subresource === 'eviction') return evictPod(core, key, body, context);
  if (isServiceAccount(type) && subresource === 'token') return createToken(core, key, body, context);
  throw noSuchRoute(type);
}

/** GET of what is below an object and is not the object. */
export async function getSubresource(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  subresource: string,
): Promise<Scale> {
  assertScalable(type, subresource);
  return getScale(core, type, key);
}

/** PUT of what is below an object and is not the object. */
export async function updateSubresource(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  subresource: string,
  body: unknown,
  context: RequestContext,
): Promise<Scale> {
  assertScalable(type, subresource);
  return updateScale(core, type, key, body, context);
}

/** PATCH of what is below an object and is not the object. */
export async function patchSubresource(
  core: RegistryCore,
  type: ResourceType,
  key: ObjectKey,
  subresource: string,
  patch: PatchRequest,
  context: RequestContext,
): Promise<Scale> {
  assertScalable(type, subresource);
  return patchScale(core, type, key, patch, context);
}

function assertScalable(type: ResourceType, subresource: string): void {
  if (subresource !== 'scale' || !strategyOf(type).subresources.includes('scale')) throw noSuchRoute(type);
}

function noSuchRoute(type: ResourceType): ApiError {
  return apiError('NotFound', 'the server could not find the requested resource', { type });
}
