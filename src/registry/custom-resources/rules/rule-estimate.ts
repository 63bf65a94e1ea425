import type { ASTNode } from '@marcbachmann/cel-js';

import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import { asSchema, itemSchema } from '../structural-schema.ts';
import { HAS } from './rule-macros.ts';
import { escapedName } from './rule-values.ts';

/** What one rule of a schema may cost, and all of them together, in the units of Kubernetes. */
export const MOST_OF_RULE = 10_000_000;
export const MOST_OF_SCHEMA = 100_000_000;

/** The longest object: what has no limit of its own ends there. */
const LARGEST_OBJECT_BYTES = 3 * 1024 * 1024;

/** How many values there can be of a part of a schema in one object. */
export interface Occurrence {
  /** By the limits of the lists and maps around it; undefined: one of them has none. */
  readonly times: number | undefined;
}

/** Of what is inside a list or a map. */
export function inside(schema: JSONSchemaProps, { times }: Occurrence): Occurrence {
  const limit = schema.type === 'array' ? schema.maxItems : schema.maxProperties;
  return { times: times === undefined || limit === undefined ? undefined : times * limit };
}

/**
 * What a rule costs at the least on the largest object that its schema allows. Kubernetes counts the same and more (what
 * functions do, lengths of texts), so what it takes is taken here: it is loops in loops without limits that are found.
 */
export function leastCost(rule: ASTNode, schema: JSONSchemaProps, { times }: Occurrence): number {
  return costOf(rule, new Map([SELF, OLD_SELF].map((name) => [name, schema]))) * (times ?? mostOf(schema));
}

const SELF = 'self';
const OLD_SELF = 'oldSelf';
/** The loops, with what each turn costs beside what is evaluated in it. */
const COST_OF_TURN: ReadonlyMap<string, number> = new Map([
  ['all', 3],
  ['exists', 3],
  ['exists_one', 2],
  ['existsOne', 2],
  ['map', 3],
  ['filter', 3],
]);

/** What the variables of a rule stand for. */
type Scope = ReadonlyMap<string, JSONSchemaProps | undefined>;

function costOf(node: ASTNode, scope: Scope): number {
  const { op } = node;
  switch (op) {
    case 'value':
      return 0;
    case 'id':
      return 1;
    case 'call': {
      const [name, args] = node.args;
      return name === HAS ? 0 : costOfAll(args, scope);
    }
    case '?:':
      return costOf(node.args[0], scope) + Math.max(costOf(node.args[1], scope), costOf(node.args[2], scope));
    case 'rcall': {
      const [name, receiver, args] = node.args;
      const turn = COST_OF_TURN.get(name);
      const call = turn === undefined ? costOfAll(args, scope) : loopCost(receiver, args, turn, scope);
      return costOf(receiver, scope) + call;
    }
    default: {
      const parts: readonly unknown[] = Array.isArray(node.args) ? node.args : [node.args];
      return (op === '.' || op === '[]' ? 1 : 0) + costOfAll(parts.flat().filter(isNode), scope);
    }
  }
}

const costOfAll = (nodes: readonly ASTNode[], scope: Scope): number =>
  nodes.reduce((sum, node) => sum + costOf(node, scope), 0);

function loopCost(receiver: ASTNode, args: readonly ASTNode[], costOfTurn: number, scope: Scope): number {
  const list = schemaOf(receiver, scope);
  const inner = new Map(scope);
  // One or two variables, of which the last one is the item; what is evaluated, and by `map` perhaps a condition first.
  const variables = args.slice(0, -1).filter(({ op }) => op === 'id');
  const item = variables.at(-1);
  if (item?.op === 'id') inner.set(item.args, list && itemSchema(list));
  return mostItems(list) * (costOfTurn + costOfAll(args.slice(variables.length), inner));
}

function isNode(part: unknown): part is ASTNode {
  return typeof part === 'object' && part !== null && 'op' in part;
}

/** What is known of a value; undefined where the schema does not say. */
function schemaOf(node: ASTNode, scope: Scope): JSONSchemaProps | undefined {
  switch (node.op) {
    case 'id':
      return scope.get(node.args);
    case '.': {
      const object = schemaOf(node.args[0], scope);
      const [, name] = node.args;
      const own = Object.entries(object?.properties ?? {}).find(([key]) => escapedName(key) === name);
      return own?.[1] ?? asSchema(object?.additionalProperties);
    }
    case '[]': {
      const around = schemaOf(node.args[0], scope);
      return around && (itemSchema(around) ?? asSchema(around.additionalProperties));
    }
    default:
      return undefined;
  }
}

/** How many items a list or a map can have; 1 where that is not known. */
function mostItems(schema: JSONSchemaProps | undefined): number {
  const items = schema && itemSchema(schema);
  if (items !== undefined) return schema?.maxItems ?? Math.floor((LARGEST_OBJECT_BYTES - 2) / (leastBytes(items) + 1));
  const values = asSchema(schema?.additionalProperties);
  if (values === undefined) return 1;
  return schema?.maxProperties ?? Math.floor((LARGEST_OBJECT_BYTES - 2) / (leastBytes(values) + 6));
}

/** How many values of a schema an object has room for. */
const mostOf = (schema: JSONSchemaProps): number => Math.floor(LARGEST_OBJECT_BYTES / (leastBytes(schema) + 1));

const LEAST_BYTES_OF_FORMAT: ReadonlyMap<string, number> = new Map([
  ['duration', 3],
  ['date', 12],
  ['date-time', 21],
]);

/** The size of the shortest value, as JSON. */
function leastBytes(schema: JSONSchemaProps): number {
  if (schema.enum !== undefined) return Math.min(...schema.enum.map((value) => JSON.stringify(value).length));
  switch (schema.type) {
    case 'boolean':
      return 4;
    case 'integer':
    case 'number':
      return 1;
    case 'string':
      return LEAST_BYTES_OF_FORMAT.get(schema.format ?? '') ?? 2;
    case 'object':
      return (schema.required ?? []).reduce((sum, name) => {
        const member = schema.properties?.[name];
        return member === undefined || member.default !== undefined ? sum : sum + name.length + 4 + leastBytes(member);
      }, 2);
    default:
      return 2;
  }
}
