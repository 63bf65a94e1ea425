import { apiError } from '../api/errors.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import type { RequestContext } from './requests.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { isJsonObject, type JsonObject, NotJsonError, seal } from './values.ts';

/** A body from outside: a JSON object, frozen. Throws `BadRequest`. */
export function readBody(body: unknown, what: string, keepNulls = false): JsonObject {
  if (!isJsonObject(body)) throw apiError('BadRequest', `the body is not ${what}: a JSON object is expected`);
  try {
    return seal(body, keepNulls);
  } catch (error) {
    if (error instanceof NotJsonError) throw apiError('BadRequest', `the body is not ${what}: ${error.message}`);
    throw error;
  }
}

/**
 * An object of `type` from outside, with the right structure: frozen, without nulls, with version, kind and metadata.
 * Throws `BadRequest` when it is something else.
 */
export function readObject(type: ResourceType, body: unknown, _context: RequestContext): AnyObject {
  const object = readBody(body, `a ${type.kind}`);
  const apiVersion = apiVersionOf(type);
  const { apiVersion: givenVersion = apiVersion, kind: givenKind = type.kind, metadata = {} } = object;
  if (givenVersion !== apiVersion) {
    throw apiError(
      'BadRequest',
      `the API version in the data (${String(givenVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
  if (givenKind !== type.kind) {
    throw apiError(
      'BadRequest',
      `${String(givenKind)} in version "${type.version}" cannot be handled as a ${type.kind}: the kind does not match`,
    );
  }
  if (!isJsonObject(metadata)) {
    throw apiError(
      'BadRequest',
      `${type.kind} in version "${type.version}" cannot be handled: metadata is not an object`,
    );
  }
  // Checked: this is the border where JSON becomes an object of a kind. What the server sets is not there yet.
  return Object.freeze({ ...object, apiVersion, kind: type.kind, metadata }) as unknown as AnyObject;
}
