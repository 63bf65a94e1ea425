import { parseJsonPath } from '../../api/json-path.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { AnyObject } from '../strategies/strategy.ts';
import { isJsonObject, type JsonObject } from '../values.ts';

/** Where a custom kind has what its scale shows. */
export interface CustomScale {
  replicas(object: AnyObject): unknown;
  present(object: AnyObject): unknown;
  /** Of the pods, as text. */
  selector(object: AnyObject): string | undefined;
  withReplicas(object: AnyObject, replicas: number): AnyObject;
}

/** The paths of a custom kind's scale; undefined for kinds that are not custom. */
export function customScale({ custom }: ResourceType): CustomScale | undefined {
  const scale = custom?.subresources?.scale;
  if (scale === undefined) return undefined;
  const at = (path: string | undefined) => (object: AnyObject) =>
    path === undefined || path === '' ? undefined : parseJsonPath(path).find(object)[0];
  const selector = at(scale.labelSelectorPath);
  return {
    replicas: at(scale.specReplicasPath),
    present: at(scale.statusReplicasPath),
    selector: (object) => {
      const text = selector(object);
      return typeof text === 'string' ? text : undefined;
    },
    withReplicas(object, replicas) {
      const members = parseJsonPath(scale.specReplicasPath).members ?? [];
      return { ...object, ...withMember({ ...object }, members, replicas) };
    },
  };
}

function withMember(object: JsonObject, [name, ...rest]: readonly string[], value: unknown): JsonObject {
  if (name === undefined) return object;
  const inner = object[name];
  return { ...object, [name]: rest.length === 0 ? value : withMember(isJsonObject(inner) ? inner : {}, rest, value) };
}
