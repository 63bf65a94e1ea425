import type { ASTNode, Environment } from '@marcbachmann/cel-js';

import { loadPatterns } from '../patterns.ts';
import { MATCHES, withKubernetesFunctions } from './rule-functions.ts';
import { HAS } from './rule-macros.ts';

/** A rule that can be evaluated. Throws what is wrong when it cannot be with these values. */
export type Rule = (variables: { readonly self: unknown; readonly oldSelf?: unknown }) => unknown;

/** Why a text is no rule: it cannot be read, or calls what there is not. */
export interface UnusableRule {
  readonly message: string;
}

interface Language {
  /** What rules may call, without the variables. */
  readonly functions: Environment;
  /** With variables of any type. */
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
  const functions = withKubernetesFunctions(
    new Environment({
      enableOptionalTypes: true,
      homogeneousAggregateLiterals: false,
      limits: { maxAstNodes: 10_000, maxDepth: 100 },
    }),
    Optional,
  );
  const environment = functions.clone().registerVariable('self', 'dyn').registerVariable('oldSelf', 'dyn');
  const duration = environment.clone().registerVariable('text', 'string').parse('duration(text)');
  language = {
    functions,
    environment,
    durationOf: (text) => duration({ text }),
    optionalOf: (value) => (value === undefined ? Optional.none() : Optional.of(value)),
  };
}

/** An environment of its own, to which types and variables can be added. {@link loadRules} has been awaited. */
export function newEnvironment(): Environment {
  return loaded().functions.clone();
}

function loaded(): Language {
  if (language === undefined) throw new Error('rules are read before the language is loaded');
  return language;
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
  const { environment } = loaded();
  const { problem } = checkRule(text, environment);
  return problem === undefined ? environment.parse(withOwnNames(text)) : { message: problem };
}

/** What is wrong with a rule where its variables have the types of `environment`; else the type of its outcome. */
export function checkRule(
  text: string,
  environment: Environment,
): { readonly problem?: string; readonly type?: string } {
  const { valid, error, type } = environment.check(withOwnNames(text));
  if (valid) return { ...(type !== undefined && { type }) };
  const [message = ''] = (error?.message ?? '').split('\n');
  return { problem: [...OWN_NAMES].reduce((said, [name, own]) => said.replaceAll(own, name), message) };
}

/** A rule that can be read, taken apart. {@link loadRules} has been awaited. */
export function partsOf(text: string): ASTNode {
  return loaded().environment.parse(withOwnNames(text)).ast;
}

/** What rules call so is called otherwise here: the language has its own of that name. */
const OWN_NAMES: ReadonlyMap<string, string> = new Map([
  ['matches', MATCHES],
  ['has', HAS],
]);

const TEXT = /[rR]?(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/.source;
const TEXT_OR_NAME = new RegExp(`${TEXT}|\\b(?:${[...OWN_NAMES.keys()].join('|')})(?=\\s*\\()`, 'g');

/** The rule with the names of {@link OWN_NAMES}; texts in it are left as they are. */
const withOwnNames = (rule: string): string => rule.replace(TEXT_OR_NAME, (found) => OWN_NAMES.get(found) ?? found);

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
