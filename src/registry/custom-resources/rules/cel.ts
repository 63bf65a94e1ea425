import type { Environment } from '@marcbachmann/cel-js';

import { loadPatterns } from '../patterns.ts';
import { MATCHES, withKubernetesFunctions } from './rule-functions.ts';

/** A rule that can be evaluated. Throws what is wrong when it cannot be with these values. */
export type Rule = (variables: { readonly self: unknown; readonly oldSelf?: unknown }) => unknown;

/** Why a text is no rule: it cannot be read, or calls what there is not. */
export interface UnusableRule {
  readonly message: string;
}

interface Language {
  readonly environment: Environment;
  readonly durationOf: (text: string) => unknown;
  readonly optionalOf: (value: unknown) => unknown;
}

let language: Language | undefined;

/**
 * Loads the Common Expression Language, which takes longer than most servers need to start and is needed by those only
 * that have rules. To be awaited before any rule is read.
 */
export async function loadRules(): Promise<void> {
  if (language !== undefined) return;
  const [{ Environment, Optional }] = await Promise.all([import('@marcbachmann/cel-js'), loadPatterns()]);
  const environment = withKubernetesFunctions(
    new Environment({
      enableOptionalTypes: true,
      homogeneousAggregateLiterals: false,
      limits: { maxAstNodes: 10_000, maxDepth: 100 },
    }),
    Optional,
  )
    .registerVariable('self', 'dyn')
    .registerVariable('oldSelf', 'dyn');
  const duration = environment.clone().registerVariable('text', 'string').parse('duration(text)');
  const some = environment.parse('optional.of(self)');
  const none = environment.parse('optional.none()');
  language = {
    environment,
    durationOf: (text) => duration({ text }),
    optionalOf: (self) => (self === undefined ? none({}) : some({ self })),
  };
}

const read = new Map<string, Rule | UnusableRule>();
/** How many rules are remembered. */
const REMEMBERED = 1_000;

/** The rule that a text stands for. {@link loadRules} has been awaited. */
export function readRule(text: string): Rule | UnusableRule {
  const known = read.get(text);
  if (known !== undefined) return known;
  const rule = compile(text);
  if (read.size >= REMEMBERED) read.clear();
  read.set(text, rule);
  return rule;
}

function compile(text: string): Rule | UnusableRule {
  if (language === undefined) throw new Error('rules are read before the language is loaded');
  const rule = withOwnPatterns(text);
  const { valid, error } = language.environment.check(rule);
  if (valid) return language.environment.parse(rule);
  const [message = ''] = (error?.message ?? '').split('\n');
  return { message: message.replaceAll(MATCHES, 'matches') };
}

const TEXT = /[rR]?(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/.source;
const TEXT_OR_MATCHES = new RegExp(`${TEXT}|\\bmatches(?=\\s*\\()`, 'g');

/** The rule with {@link MATCHES} in place of `matches`, which is left as it is in texts. */
const withOwnPatterns = (rule: string): string =>
  rule.replace(TEXT_OR_MATCHES, (found) => (found === 'matches' ? MATCHES : found));

/** What rules see of a value that may not be there: `undefined` when it is not. */
export function optionalOf(value: unknown): unknown {
  return language?.optionalOf(value);
}

/** A duration as rules know it; the text itself when it is none. */
export function durationOf(text: string): unknown {
  try {
    return language?.durationOf(text) ?? text;
  } catch {
    return text;
  }
}
