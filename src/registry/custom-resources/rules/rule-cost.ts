import { isJsonObject } from '../../values.ts';

/** How many steps one rule may take on one object. */
export const MOST_STEPS = 1_000_000;

const MACRO = /\b(all|exists|exists_one|existsOne|map|filter)\s*$/;

/**
 * How many steps a rule can take on a value: the size of its largest part, to the power of how deep the rule goes through
 * lists in lists. A rule takes no other loops.
 */
export function mostSteps(rule: string, value: unknown): number {
  return Math.max(1, largestPart(value)) ** depthOf(rule);
}

/** How deep the calls that go through a list are inside one another. */
function depthOf(rule: string): number {
  const code = rule.replace(/"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'/g, '""');
  const open: boolean[] = [];
  let deepest = 0;
  for (let index = 0; index < code.length; index++) {
    if (code[index] === ')') open.pop();
    if (code[index] !== '(') continue;
    open.push(MACRO.test(code.slice(Math.max(0, index - 20), index)));
    deepest = Math.max(deepest, open.filter((isMacro) => isMacro).length);
  }
  return deepest;
}

function largestPart(value: unknown): number {
  const parts = Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];
  return parts.reduce<number>((largest, part) => Math.max(largest, largestPart(part)), parts.length);
}
