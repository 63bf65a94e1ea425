import type { Environment } from '@marcbachmann/cel-js';

import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import { asSchema, itemSchema } from '../structural-schema.ts';
import { escapedName } from './rule-values.ts';

/** The types of a schema's parts, in the words of rules. Those of objects are declared in an environment. */
export class RuleTypes {
  readonly #environment: Environment;
  readonly #known = new Map<JSONSchemaProps, string>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Undefined for what rules do not see: of unknown fields nothing is known. `isRoot`: of a kind's objects. */
  of(schema: JSONSchemaProps | undefined, isRoot = false): string | undefined {
    if (schema === undefined) return undefined;
    if (schema['x-kubernetes-int-or-string'] === true) return 'dyn';
    switch (schema.type) {
      case 'array': {
        const item = this.of(itemSchema(schema));
        return item && `list<${item}>`;
      }
      case 'object': {
        const rest = asSchema(schema.additionalProperties);
        if (rest === undefined) return this.#object(schema, isRoot);
        const value = this.of(rest);
        return value && `map<string, ${value}>`;
      }
      case 'string':
        return TEXT_TYPES.get(schema.format ?? '') ?? 'string';
      case 'boolean':
        return 'bool';
      case 'number':
        return 'double';
      case 'integer':
        return 'int';
      default:
        return undefined;
    }
  }

  #object(schema: JSONSchemaProps, isRoot: boolean): string {
    const known = this.#known.get(schema);
    if (known !== undefined) return known;
    const isResource = isRoot || schema['x-kubernetes-embedded-resource'] === true;
    const fields = Object.entries({ ...schema.properties, ...(isResource && RESOURCE_FIELDS) }).flatMap(
      ([name, inner]) => {
        const type = this.of(inner);
        return type === undefined ? [] : [[escapedName(name), type] as const];
      },
    );
    const name = `Object${this.#known.size + 1}`;
    this.#known.set(schema, name);
    this.#environment
      .registerType(name, { fields: Object.fromEntries(fields) })
      // Here rules are checked only.
      .registerOperator(`${name} == ${name}`, () => false);
    return name;
  }
}

const TEXT_TYPES: ReadonlyMap<string, string> = new Map([
  ['byte', 'bytes'],
  ['duration', 'google.protobuf.Duration'],
  ['date', 'google.protobuf.Timestamp'],
  ['date-time', 'google.protobuf.Timestamp'],
]);

const TEXT: JSONSchemaProps = { type: 'string' };

/** What rules know of every object of a kind, of its metadata the name only. */
const RESOURCE_FIELDS: Readonly<Record<string, JSONSchemaProps>> = {
  apiVersion: TEXT,
  kind: TEXT,
  metadata: { type: 'object', properties: { name: TEXT, generateName: TEXT } },
};
