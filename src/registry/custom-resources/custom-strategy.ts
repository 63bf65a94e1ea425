import { JsonPathSyntaxError, parseJsonPath } from '../../api/json-path.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { type AnyObject, type Strategy, strategy } from '../strategies/strategy.ts';

const strategies = new WeakMap<ResourceType, Strategy>();

/** What is particular to a custom kind: what its definition says of the version. */
export function customStrategy(type: ResourceType): Strategy {
  let made = strategies.get(type);
  if (made === undefined) {
    made = newStrategy(type);
    strategies.set(type, made);
  }
  return made;
}

function newStrategy({ custom }: ResourceType): Strategy {
  const { status, scale } = custom?.subresources ?? {};
  return strategy<AnyObject>({
    subresources: [...(status === undefined ? [] : ['status']), ...(scale === undefined ? [] : ['scale'])],
    generation: true,
    unconditionalUpdate: false,
    fields: Object.fromEntries(
      (custom?.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), fieldAt(jsonPath)]),
    ),
    // The status route leaves everything but the status alone.
    prepareStatus: (object, old) => ({
      ...object,
      metadata: {
        ...old.metadata,
        ...(object.metadata.managedFields && { managedFields: object.metadata.managedFields }),
      },
    }),
  }) as Strategy;
}

function fieldAt(jsonPath: string): (object: KubernetesObject) => string {
  try {
    const path = parseJsonPath(jsonPath);
    return (object) => {
      const [value] = path.find(object);
      return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
    };
  } catch (error) {
    // A definition with such a path is refused; an old one selects nothing.
    if (error instanceof JsonPathSyntaxError) return () => '';
    throw error;
  }
}
