import type { LabelSelector, LabelSelectorRequirement } from './generated/types.ts';
import { checkLabelValue, checkQualifiedName } from './names.ts';

/** Labels (or annotations) of an object. */
export type Labels = Readonly<Record<string, string>>;

/** Whether an object with these labels is meant. */
export type LabelMatch = (labels: Labels | undefined) => boolean;

/** One condition on labels; all of a selector must hold. */
export type LabelRequirement =
  | { readonly key: string; readonly operator: 'exists' | 'absent' }
  /** `notIn` holds for objects without the label too. */
  | { readonly key: string; readonly operator: 'in' | 'notIn'; readonly values: readonly string[] }
  /** The label must be an integer. */
  | { readonly key: string; readonly operator: 'greater' | 'less'; readonly value: bigint };

/** The text or object is not a label selector; the message says where. */
export class SelectorSyntaxError extends Error {
  override readonly name = 'SelectorSyntaxError';
}

/** I1: the pod's own name, on each pod of a StatefulSet. */
export const POD_NAME_LABEL = 'statefulset.kubernetes.io/pod-name';

const NO_LABELS: Labels = Object.freeze({});

function holds(requirement: LabelRequirement, labels: Labels): boolean {
  const found: unknown = labels[requirement.key];
  // What an object has from its prototype is no text.
  const value = typeof found === 'string' ? found : undefined;
  switch (requirement.operator) {
    case 'exists':
      return value !== undefined;
    case 'absent':
      return value === undefined;
    case 'in':
      return value !== undefined && requirement.values.includes(value);
    case 'notIn':
      return value === undefined || !requirement.values.includes(value);
    case 'greater':
    case 'less': {
      if (value === undefined || !INTEGER.test(value)) return false;
      const number = BigInt(value);
      return requirement.operator === 'greater' ? number > requirement.value : number < requirement.value;
    }
  }
}

const INTEGER = /^-?\d+$/;

/** A test for `requirements`, all of which must hold; none: everything matches. */
export function matchRequirements(requirements: readonly LabelRequirement[]): LabelMatch {
  const [only] = requirements;
  if (only === undefined) return () => true;
  if (requirements.length === 1) return (labels = NO_LABELS) => holds(only, labels);
  return (labels = NO_LABELS) => requirements.every((requirement) => holds(requirement, labels));
}

/**
 * The requirements of a `LabelSelector` object. Throws {@link SelectorSyntaxError} for an operator that does not
 * exist or values that do not go with it.
 */
function selectorRequirements(selector: LabelSelector): readonly LabelRequirement[] {
  const equal = Object.entries(selector.matchLabels ?? {}).map(
    ([key, value]): LabelRequirement => ({ key, operator: 'in', values: [value] }),
  );
  return [...equal, ...(selector.matchExpressions ?? []).map(expressionRequirement)];
}

function expressionRequirement({ key, operator, values = [] }: LabelSelectorRequirement): LabelRequirement {
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0) {
        throw new SelectorSyntaxError(`values: for 'in', 'notin' operators, values set can't be empty`);
      }
      return { key, operator: operator === 'In' ? 'in' : 'notIn', values };
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0) {
        throw new SelectorSyntaxError('values: values set must be empty for exists and does not exist');
      }
      return { key, operator: operator === 'Exists' ? 'exists' : 'absent' };
    default:
      throw new SelectorSyntaxError(`"${operator}" is not a valid label selector operator`);
  }
}

/**
 * A test for a `LabelSelector` object. As in Kubernetes an empty selector matches everything and an absent one
 * nothing. Make it once and use it often. Throws {@link SelectorSyntaxError}.
 *
 * @example
 * const matches = matchSelector(set.spec.selector);
 * const own = pods.filter((pod) => matches(pod.metadata.labels));
 */
export function matchSelector(selector: LabelSelector | undefined): LabelMatch {
  return selector === undefined ? () => false : matchRequirements(selectorRequirements(selector));
}

/** A test for a plain map, as services select with: all must be equal. An empty or absent map matches nothing. */
export function matchLabelMap(map: Labels | undefined): LabelMatch {
  if (map === undefined || Object.keys(map).length === 0) return () => false;
  return matchSelector({ matchLabels: map });
}

/** A `LabelSelector` object as text, as in `kubectl get -l`. Throws {@link SelectorSyntaxError}. */
export function formatSelector(selector: LabelSelector): string {
  return [...selectorRequirements(selector)]
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(formatRequirement)
    .join(',');
}

function formatRequirement(requirement: LabelRequirement): string {
  const { key } = requirement;
  switch (requirement.operator) {
    case 'exists':
      return key;
    case 'absent':
      return `!${key}`;
    case 'in':
      return requirement.values.length === 1
        ? `${key}=${requirement.values[0]}`
        : `${key} in (${[...requirement.values].sort().join(',')})`;
    case 'notIn':
      return `${key} notin (${[...requirement.values].sort().join(',')})`;
    case 'greater':
      return `${key}>${requirement.value}`;
    case 'less':
      return `${key}<${requirement.value}`;
  }
}

/**
 * The requirements of a selector as text: `app=redis,tier in (a,b),!old,weight>3`. Empty text: none. Throws
 * {@link SelectorSyntaxError} with what was found and what was expected.
 */
export function parseLabelSelector(text: string): readonly LabelRequirement[] {
  const tokens = tokenize(text);
  const requirements: LabelRequirement[] = [];
  let position = 0;
  const peek = (): string => tokens[position] ?? '';
  const take = (): string => tokens[position++] ?? '';

  while (position < tokens.length) {
    requirements.push(parseRequirement());
    const separator = take();
    if (separator === '') break;
    if (separator !== ',') throw new SelectorSyntaxError(`found '${separator}', expected: ',' or 'end of string'`);
    if (position >= tokens.length) throw new SelectorSyntaxError(`found '', expected: identifier after ','`);
  }
  return requirements;

  function parseRequirement(): LabelRequirement {
    if (peek() === '!') {
      take();
      return { key: checkedKey(take()), operator: 'absent' };
    }
    const key = checkedKey(take());
    const operator = peek();
    switch (operator) {
      case '':
      case ',':
        return { key, operator: 'exists' };
      case '=':
      case '==':
      case '!=':
        take();
        return { key, operator: operator === '!=' ? 'notIn' : 'in', values: [parseExactValue(key)] };
      case '>':
      case '<': {
        take();
        const value = take();
        if (!INTEGER.test(value)) {
          throw new SelectorSyntaxError(
            `values[0]: Invalid value: "${value}": for 'Gt', 'Lt' operators, the value must be an integer`,
          );
        }
        return { key, operator: operator === '>' ? 'greater' : 'less', value: BigInt(value) };
      }
      case 'in':
      case 'notin':
        take();
        return { key, operator: operator === 'in' ? 'in' : 'notIn', values: parseValues(key) };
      default:
        throw new SelectorSyntaxError(`found '${operator}', expected: in, notin, =, ==, !=, gt, lt`);
    }
  }

  /** The value may be left out: `app=`, `app=,tier=x`. */
  function parseExactValue(key: string): string {
    return peek() === '' || peek() === ',' ? '' : checkedValue(key, take());
  }

  function parseValues(key: string): readonly string[] {
    const open = take();
    if (open !== '(') throw new SelectorSyntaxError(`found '${open}', expected: '('`);
    const values: string[] = [];
    for (;;) {
      values.push(peek() === ',' || peek() === ')' ? '' : checkedValue(key, take()));
      const next = take();
      if (next === ')') return values;
      if (next !== ',') throw new SelectorSyntaxError(`found '${next}', expected: ',' or ')'`);
    }
  }
}

const SPECIAL = '()=!,<>';

/** Words and operators; white space only separates. */
function tokenize(text: string): readonly string[] {
  const tokens: string[] = [];
  let position = 0;
  while (position < text.length) {
    const character = text.charAt(position);
    if (/\s/.test(character)) {
      position += 1;
    } else if (SPECIAL.includes(character)) {
      const two = text.slice(position, position + 2);
      const token = two === '==' || two === '!=' ? two : character;
      tokens.push(token);
      position += token.length;
    } else {
      const start = position;
      while (position < text.length && !SPECIAL.includes(text.charAt(position)) && !/\s/.test(text.charAt(position))) {
        position += 1;
      }
      tokens.push(text.slice(start, position));
    }
  }
  return tokens;
}

function checkedKey(key: string): string {
  if (key === '' || SPECIAL.includes(key)) throw new SelectorSyntaxError(`found '${key}', expected: identifier`);
  const [wrong] = checkQualifiedName(key);
  if (wrong !== undefined) throw new SelectorSyntaxError(`key: Invalid value: "${key}": ${wrong}`);
  return key;
}

function checkedValue(key: string, value: string): string {
  if (SPECIAL.includes(value)) throw new SelectorSyntaxError(`found '${value}', expected: identifier`);
  const [wrong] = checkLabelValue(value);
  if (wrong !== undefined) throw new SelectorSyntaxError(`values[0][${key}]: Invalid value: "${value}": ${wrong}`);
  return value;
}
