import { apiError } from '../../api/errors.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { decode, StructureError } from '../../api/schema-check.ts';
import { objectType } from '../../api/schema-types.ts';
import { isJsonObject, type JsonObject } from '../values.ts';
import { pruneObject } from './prune.ts';
import { schemaOf } from './structural-schema.ts';

/**
 * An object of a custom kind from outside, as far as its schema knows it. Throws `BadRequest` for metadata that is none;
 * whether the rest has the right types is for validation to say.
 */
export function decodeCustomObject(
  type: ResourceType,
  body: JsonObject,
): { readonly object: JsonObject; readonly unknownFields: readonly string[] } {
  const unknownFields: string[] = [];
  const object = pruneObject(body, schemaOf(type), unknownFields);
  const { metadata } = object;
  if (!isJsonObject(metadata)) return { object, unknownFields };
  try {
    const decoded = decode(objectType('ObjectMeta'), metadata);
    unknownFields.push(...decoded.unknownFields.map((path) => `metadata.${path}`));
    return { object: decoded.object === metadata ? object : { ...object, metadata: decoded.object }, unknownFields };
  } catch (error) {
    if (!(error instanceof StructureError)) throw error;
    throw apiError(
      'BadRequest',
      `${type.kind} in version "${type.version}" cannot be handled as a ${type.kind}: metadata.${error.message}`,
    );
  }
}
