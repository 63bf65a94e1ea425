import type { Environment } from '@marcbachmann/cel-js';

import { succeeds } from './succeeds.ts';

const NUMBER = '0|[1-9]\\d*';
const WORD = `(?:${NUMBER}|\\d*[a-zA-Z-][0-9a-zA-Z-]*)`;
const VERSION = new RegExp(
  `^(${NUMBER})\\.(${NUMBER})\\.(${NUMBER})(?:-(${WORD}(?:\\.${WORD})*))?(?:\\+[0-9a-zA-Z-]+(?:\\.[0-9a-zA-Z-]+)*)?$`,
);

/** A version of software (Semantic Versioning 2.0.0). */
class RuleVersion {
  readonly numbers: readonly bigint[];
  readonly before: readonly string[];

  constructor(text: string) {
    const [found, major = '', minor = '', patch = '', before] = VERSION.exec(text.slice(0, 256)) ?? [];
    if (found === undefined || text.length > 256) throw new Error(`${JSON.stringify(text)} is no semantic version`);
    this.numbers = [BigInt(major), BigInt(minor), BigInt(patch)];
    this.before = before?.split('.') ?? [];
  }
}

/** `v1.2` is meant as `1.2.0`, and `01` as `1`. */
function normalized(text: string): string {
  const [, core = '', rest = ''] = /^v?(\d+(?:\.\d+){0,2})(.*)$/.exec(text) ?? [];
  const numbers = core.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  return [...numbers, '0', '0'].slice(0, 3).join('.') + rest;
}

const sign = (a: string | bigint | number, b: string | bigint | number): bigint => (a < b ? -1n : a > b ? 1n : 0n);

function compareWords(a: string, b: string): bigint {
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return sign(BigInt(a), BigInt(b));
  // Numbers come before words.
  return isNumberA === isNumberB ? sign(a, b) : isNumberA ? -1n : 1n;
}

function compare(a: RuleVersion, b: RuleVersion): bigint {
  for (const [index, number] of a.numbers.entries()) {
    const order = sign(number, b.numbers[index] ?? 0n);
    if (order !== 0n) return order;
  }
  // What comes before a version is less than the version.
  if (a.before.length === 0 || b.before.length === 0) return sign(b.before.length, a.before.length);
  for (const [index, word] of a.before.entries()) {
    const other = b.before[index];
    const order = other === undefined ? 1n : compareWords(word, other);
    if (order !== 0n) return order;
  }
  return sign(a.before.length, b.before.length);
}

/** Versions: `semver(self.version).isLessThan(semver('2.0.0'))`. */
export function withVersions(environment: Environment): Environment {
  const read = (text: string): RuleVersion => new RuleVersion(text);
  const readLoose = (text: string, loose: boolean): RuleVersion => read(loose ? normalized(text) : text);
  environment
    .registerType('Semver', RuleVersion)
    .registerFunction('semver(string): Semver', read)
    .registerFunction('semver(string, bool): Semver', readLoose)
    .registerFunction('isSemver(string): bool', (text: string) => succeeds(() => read(text)))
    .registerFunction('isSemver(string, bool): bool', (text: string, loose: boolean) =>
      succeeds(() => readLoose(text, loose)),
    )
    .registerOperator('Semver == Semver', (a: RuleVersion, b: RuleVersion) => compare(a, b) === 0n)
    .registerFunction('Semver.isLessThan(Semver): bool', (a: RuleVersion, b: RuleVersion) => compare(a, b) < 0n)
    .registerFunction('Semver.isGreaterThan(Semver): bool', (a: RuleVersion, b: RuleVersion) => compare(a, b) > 0n)
    .registerFunction('Semver.compareTo(Semver): int', compare);
  for (const [index, part] of ['major', 'minor', 'patch'].entries()) {
    environment.registerFunction(`Semver.${part}(): int`, ({ numbers }: RuleVersion) => numbers[index] ?? 0n);
  }
  return environment;
}
