import type { ASTNode, Environment, Optional, TypeDeclaration } from '@marcbachmann/cel-js';

/** What names stand for: types while a rule is checked, values while it is evaluated. */
interface Scope {
  forkWithVariable(name: string, type: TypeDeclaration): Scope & { setIterValue(value: unknown, by: Evaluator): Scope };
}

interface Checker {
  check(node: ASTNode, scope: Scope): TypeDeclaration;
  getType(name: string): TypeDeclaration;
  createError(code: string, message: string, node: ASTNode): Error;
}

interface Evaluator {
  run(node: ASTNode, scope: Scope): unknown;
}

interface MacroCall {
  readonly ast: ASTNode;
  readonly args: readonly ASTNode[];
  readonly receiver?: ASTNode;
}

/** What `has` is called here: the language's own neither looks into lists nor asks whether there is such a field. */
export const HAS = 'hasField';

/** Adds the macros of which the language has none, or a poorer one: `has`, `optMap`, and those with two variables. */
export function withMacros(environment: Environment, optional: typeof Optional): Environment {
  environment.registerFunction(`${HAS}(ast): bool`, ({ ast, args: [node] }: MacroCall) => ({
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      if (node?.op !== '.') throw checker.createError('invalid_macro_argument', 'invalid argument to has() macro', ast);
      checker.check(node, scope);
      return checker.getType('bool');
    },
    evaluate: (evaluator: Evaluator, _macro: unknown, scope: Scope) =>
      node?.op === '.' && memberOf(evaluator.run(node.args[0], scope), node.args[1]) !== undefined,
  }));
  for (const [name, { variables, filtered = false, ...loop }] of loopsOf(optional)) {
    for (const size of filtered ? [variables + 1, variables + 2] : [variables + 1]) {
      const parameters = new Array<string>(size).fill('ast').join(', ');
      environment.registerFunction(`list.${name}(${parameters}): dyn`, (call: MacroCall) =>
        loopMacro({ ...loop, variables }, call),
      );
    }
  }
  return environment;
}

function memberOf(object: unknown, name: string): unknown {
  if (object instanceof Map) return object.get(name);
  if (typeof object !== 'object' || object === null) return undefined;
  // What may not be there itself: `has(self.?a.b)`.
  if ('orValue' in object && typeof object.orValue === 'function') return memberOf(object.orValue(undefined), name);
  return Object.hasOwn(object, name) ? Reflect.get(object, name) : undefined;
}

/** A macro that goes through a list or a map, and evaluates its last argument for each item. */
interface Loop {
  /** The index or key and the value; with one variable the value of a list, the key of a map. */
  readonly variables: number;
  /** Whether there may be a condition before the last argument. */
  readonly filtered?: boolean;
  /** The name of the type of the outcome. Undefined when the last argument may not have this type. */
  type(body: TypeDeclaration, key: TypeDeclaration): string | undefined;
  outcome(bodies: Iterable<readonly [key: unknown, body: () => unknown]>): unknown;
}

const bool = (body: TypeDeclaration): string | undefined => (body.isDynOrBool() ? 'bool' : undefined);

/** `all` and `exists`: once an item has decided it does not matter that others could not be evaluated. */
const decidedBy =
  (decisive: boolean): Loop['outcome'] =>
  (bodies) => {
    let failure: unknown;
    for (const [, body] of bodies) {
      try {
        if (body() === decisive) return decisive;
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return !decisive;
  };

const isOne: Loop['outcome'] = (bodies) => [...bodies].filter(([, body]) => body() === true).length === 1;

function loopsOf(optional: typeof Optional): readonly (readonly [string, Loop])[] {
  return [
    ['all', { variables: 2, type: bool, outcome: decidedBy(false) }],
    ['exists', { variables: 2, type: bool, outcome: decidedBy(true) }],
    ['exists_one', { variables: 2, type: bool, outcome: isOne }],
    ['existsOne', { variables: 2, type: bool, outcome: isOne }],
    ['existsOne', { variables: 1, type: bool, outcome: isOne }],
    [
      'transformList',
      {
        variables: 2,
        filtered: true,
        type: (body) => `list<${body}>`,
        outcome: (bodies) => Array.from(bodies, ([, body]) => body()),
      },
    ],
    [
      'transformMap',
      {
        variables: 2,
        filtered: true,
        type: (body, key) => `map<${key}, ${body}>`,
        outcome: (bodies) => new Map(Array.from(bodies, ([key, body]) => [key, body()])),
      },
    ],
    [
      'transformMapEntry',
      {
        variables: 2,
        filtered: true,
        type: (body) => (body.kind === 'map' || body.kind === 'dyn' ? String(body) : undefined),
        outcome: (bodies) => new Map(Array.from(bodies, ([, body]) => entriesOf(body())).flat()),
      },
    ],
    [
      'optMap',
      {
        variables: 1,
        type: (body) => `optional<${body}>`,
        outcome: (bodies) => [...bodies].map(([, body]) => optional.of(body()))[0] ?? optional.none(),
      },
    ],
    [
      'optFlatMap',
      { variables: 1, type: String, outcome: (bodies) => [...bodies].map(([, body]) => body())[0] ?? optional.none() },
    ],
  ];
}

function loopMacro({ variables, type, outcome }: Loop, { ast, args, receiver = ast }: MacroCall): object {
  const names = args.slice(0, variables);
  const filter = args.length > variables + 1 ? args[variables] : undefined;
  const body = args.at(-1) ?? ast;
  /** What is checked has a type; what is evaluated may be anything. */
  let any: TypeDeclaration | undefined;
  return {
    typeCheck(checker: Checker, _macro: unknown, scope: Scope) {
      const wrong = (message: string, at: ASTNode): Error => checker.createError('invalid_macro_argument', message, at);
      any = checker.getType('dyn');
      const range = checker.check(receiver, scope);
      const [key, value] = itemTypes(range, any, checker.getType('int')) ?? [];
      if (key === undefined || value === undefined) {
        throw wrong(
          `expression of type '${range}' cannot be range of a comprehension (must be list, map, or dynamic)`,
          receiver,
        );
      }
      const types = variables === 2 ? [key, value] : [range.kind === 'map' ? key : value];
      let inner = scope;
      for (const [index, name] of names.entries()) {
        if (name.op !== 'id') throw wrong('argument must be a simple name', name);
        inner = inner.forkWithVariable(name.args, types[index] ?? any);
      }
      if (filter !== undefined && !checker.check(filter, inner).isDynOrBool()) {
        throw wrong('the condition must be a bool', filter);
      }
      const bodyType = checker.check(body, inner);
      const found = type(bodyType, key);
      if (found === undefined) throw wrong(`the last argument may not be of type '${bodyType}'`, body);
      return checker.getType(found);
    },
    evaluate(evaluator: Evaluator, _macro: unknown, scope: Scope) {
      const items = evaluator.run(receiver, scope);
      const bodies = function* (): Iterable<readonly [unknown, () => unknown]> {
        for (const [key, value] of entriesOf(items)) {
          const values = variables === 2 ? [key, value] : [isMap(items) ? key : value];
          let inner = scope;
          for (const [index, name] of names.entries()) {
            if (name.op !== 'id' || any === undefined) continue;
            inner = inner.forkWithVariable(name.args, any).setIterValue(values[index], evaluator);
          }
          if (filter === undefined || evaluator.run(filter, inner) === true)
            yield [key, () => evaluator.run(body, inner)];
        }
      };
      return outcome(bodies());
    },
  };
}

function itemTypes(
  { kind, keyType, valueType }: TypeDeclaration,
  any: TypeDeclaration,
  index: TypeDeclaration,
): readonly [TypeDeclaration, TypeDeclaration] | undefined {
  switch (kind) {
    case 'list':
    case 'optional':
      return [index, valueType ?? any];
    case 'map':
      return [keyType ?? any, valueType ?? any];
    case 'dyn':
      return [any, any];
    default:
      return undefined;
  }
}

const isMap = (items: unknown): boolean => items instanceof Map || (!isOptional(items) && !Array.isArray(items));

const isOptional = (value: unknown): value is Optional =>
  typeof value === 'object' && value !== null && 'orValue' in value;

function entriesOf(items: unknown): readonly (readonly [unknown, unknown])[] {
  if (Array.isArray(items)) return items.map((item: unknown, index) => [BigInt(index), item]);
  if (items instanceof Map) return [...items];
  if (isOptional(items)) return items.hasValue() ? [[0n, items.value()]] : [];
  if (typeof items === 'object' && items !== null) return Object.entries(items);
  throw new Error('found no matching overload: a comprehension goes through a list or a map');
}
