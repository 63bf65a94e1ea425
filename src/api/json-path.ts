/** One step from a value to what is in it. */
type Step =
  | { readonly is: 'member'; readonly name: string }
  | { readonly is: 'item'; readonly index: number }
  | { readonly is: 'all' }
  | { readonly is: 'where'; readonly path: readonly Step[]; readonly equal: boolean; readonly value: unknown };

/** A path with all steps read. */
export interface JsonPath {
  /** Everything the path leads to, in order. */
  find(value: unknown): readonly unknown[];
  /** The names of the members the path goes through; undefined when it does anything else. */
  readonly members: readonly string[] | undefined;
}

export class JsonPathSyntaxError extends Error {
  override readonly name = 'JsonPathSyntaxError';
}

/**
 * Reads a JSONPath of the kind that printer columns and scale subresources have: members, items, all items, and filters
 * by equality. Throws {@link JsonPathSyntaxError}.
 *
 * @example
 * parseJsonPath('.status.conditions[?(@.type=="Ready")].status').find(object); // ['True']
 */
export function parseJsonPath(text: string): JsonPath {
  const steps = stepsOf(text.startsWith('$') ? text.slice(1) : text);
  const names = steps.flatMap((step) => (step.is === 'member' ? [step.name] : []));
  return {
    find: (value) => follow([value], steps),
    members: names.length === steps.length ? names : undefined,
  };
}

const MEMBER = /^\.((?:[^.[\]\\]|\\.)+)/;
const QUOTED = /^\[(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")\]/;
const ITEM = /^\[(-?\d+)\]/;
const ALL = /^(\[\*\]|\.\*)/;
const FILTER =
  /^\[\?\(@((?:\.(?:[^.[\]\\\s=!]|\\.)+)+)\s*(==|!=)\s*(?:"([^"]*)"|'([^']*)'|(true|false|-?\d+(?:\.\d+)?))\)\]/;

function stepsOf(text: string): readonly Step[] {
  const steps: Step[] = [];
  let rest = text;
  while (rest !== '') {
    const [step, length] = firstStep(rest) ?? fail(text, rest);
    steps.push(step);
    rest = rest.slice(length);
  }
  return steps;
}

function firstStep(text: string): readonly [Step, number] | undefined {
  const all = ALL.exec(text);
  if (all !== null) return [{ is: 'all' }, all[0].length];
  const member = MEMBER.exec(text) ?? QUOTED.exec(text);
  if (member !== null) {
    return [{ is: 'member', name: (member[1] ?? member[2] ?? '').replace(/\\(.)/g, '$1') }, member[0].length];
  }
  const item = ITEM.exec(text);
  if (item !== null) return [{ is: 'item', index: Number(item[1]) }, item[0].length];
  const filter = FILTER.exec(text);
  if (filter === null) return undefined;
  const [whole, path = '', operator, double, single, plain] = filter;
  const value: unknown = double ?? single ?? JSON.parse(plain ?? 'null');
  return [{ is: 'where', path: stepsOf(path), equal: operator === '==', value }, whole.length];
}

function fail(text: string, rest: string): never {
  throw new JsonPathSyntaxError(
    `${JSON.stringify(text)} is not a path that is understood, from ${JSON.stringify(rest)} on`,
  );
}

function follow(values: readonly unknown[], steps: readonly Step[]): readonly unknown[] {
  return steps.reduce((found, step) => found.flatMap((value) => take(value, step)), values);
}

function take(value: unknown, step: Step): readonly unknown[] {
  if (typeof value !== 'object' || value === null) return [];
  switch (step.is) {
    case 'member': {
      const found: unknown = Object.getOwnPropertyDescriptor(value, step.name)?.value;
      return found === undefined || Array.isArray(value) ? [] : [found];
    }
    case 'item': {
      const found: unknown = Array.isArray(value) ? value.at(step.index) : undefined;
      return found === undefined ? [] : [found];
    }
    case 'all':
      return Object.values(value);
    case 'where':
      return Object.values(value).filter((item) => {
        const found = follow([item], step.path);
        return step.equal ? found.includes(step.value) : found.length > 0 && !found.includes(step.value);
      });
  }
}
