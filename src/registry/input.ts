import { apiError } from '../api/errors.ts';
import { schema } from '../api/generated/schema.ts';
import type { KubernetesObject } from '../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import { decode, decodeObject, StructureError, strictError, unknownFieldProblem } from '../api/schema-check.ts';
import { objectType } from '../api/schema-types.ts';
import { decodeCustomObject } from './custom-resources/custom-input.ts';
import type { RequestContext } from './requests.ts';
import type { AnyObject } from './strategies/strategy.ts';
import { charactersLeft, isJsonObject, type JsonObject, NotJsonError, seal } from './values.ts';

/**
 * An object of `type` from outside, with the right structure: without nulls, with version, kind and metadata.
 * What it shares with `old`, the stored version, is known to be right and not looked at again.
 *
 * Throws `BadRequest` when it is something else, or has unknown fields and the request is strict.
 */
export function readObject(type: ResourceType, body: unknown, context: RequestContext, old?: AnyObject): AnyObject {
  if (!isJsonObject(body)) {
    throw apiError('BadRequest', `the body is not a ${type.kind}: a JSON object is expected`);
  }
  assertKind(type, body);
  const object = decoded(type, body, context, old);
  const { metadata = {} } = object;
  if (!isJsonObject(metadata)) {
    throw apiError(
      'BadRequest',
      `${type.kind} in version "${type.version}" cannot be handled: metadata is not an object`,
    );
  }
  const apiVersion = apiVersionOf(type);
  const complete = object.apiVersion === apiVersion && object.kind === type.kind && object.metadata === metadata;
  const whole = complete ? object : { ...object, apiVersion, kind: type.kind, metadata };
  // This is the border where JSON becomes an object of a kind. What the server sets may not be there yet.
  return whole as unknown as AnyObject;
}

/** Version and kind may be left out; the request says them too. */
function assertKind(type: ResourceType, body: JsonObject): void {
  const apiVersion = apiVersionOf(type);
  const { apiVersion: givenVersion = apiVersion, kind = type.kind } = body;
  if (kind !== type.kind && kind !== '') {
    throw apiError(
      'BadRequest',
      `${shown(kind)} in version "${type.version}" cannot be handled as a ${type.kind}: the kind is another one`,
    );
  }
  if (givenVersion !== apiVersion && givenVersion !== '') {
    throw apiError(
      'BadRequest',
      `the API version in the data (${shown(givenVersion)}) does not match the expected API version (${apiVersion})`,
    );
  }
}

/** A value from outside, whatever it is: its own idea of how to become a text is not asked. */
function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function decoded(
  type: ResourceType,
  body: JsonObject,
  context: RequestContext,
  old: AnyObject | undefined,
): JsonObject {
  const isBuiltIn = Object.hasOwn(schema, type.schema);
  const quick = old === undefined || !isBuiltIn ? undefined : decodedChange(type, body, old);
  if (quick !== undefined) return quick;
  const { object, unknownFields } = isBuiltIn ? decodeObject(type, body) : decodeCustomObject(type, body);
  if (unknownFields.length > 0) {
    const problems = unknownFields.map(unknownFieldProblem);
    switch (context.fieldValidation ?? 'Warn') {
      case 'Strict':
        throw strictError(type, problems);
      case 'Warn':
        for (const problem of problems) context.warn?.(problem);
        break;
      case 'Ignore':
        break;
    }
  }
  return isJsonObject(object) ? object : {};
}

/** The body, with only what differs from `old` decoded; undefined when that finds anything to say. */
function decodedChange(type: ResourceType, body: JsonObject, old: AnyObject): JsonObject | undefined {
  const { fields } = objectType(type.schema);
  const before: JsonObject = { ...old };
  const result: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(body)) {
    if (value === before[key]) {
      result[key] = value;
      continue;
    }
    const field = fields.get(key);
    if (field?.type.is !== 'object') return undefined;
    try {
      const { object, unknownFields } = decode(field.type, value);
      if (unknownFields.length > 0) return undefined;
      result[key] = object;
    } catch (error) {
      if (error instanceof StructureError) return undefined;
      throw error;
    }
  }
  return result;
}

/** As much as etcd takes, so that what fits here fits into Kubernetes. In characters of JSON. */
const LARGEST = 1.5 * 1024 * 1024;

/**
 * A finished object, deeply frozen. Throws `BadRequest` when something in it, of unknown structure, is not JSON, and
 * `RequestEntityTooLarge` when there is too much of it: patches could make it grow without end.
 */
export function sealObject<T extends KubernetesObject>(object: T): T {
  const sealed = sealedJson(object);
  if (charactersLeft(sealed, LARGEST) >= 0) return sealed;
  throw apiError('RequestEntityTooLarge', `Request entity too large: the object would have more than ${LARGEST} bytes`);
}

function sealedJson<T extends KubernetesObject>(object: T): T {
  try {
    return seal(object);
  } catch (error) {
    if (error instanceof NotJsonError) {
      throw apiError('BadRequest', `the body is not a ${object.kind}: ${error.message}`);
    }
    throw error;
  }
}
