import { isDeepStrictEqual } from 'node:util';
import type { Environment, Optional } from '@marcbachmann/cel-js';

import { readPattern } from '../patterns.ts';
import { withAddresses } from './rule-addresses.ts';
import { withFormats } from './rule-formats.ts';
import { withMacros } from './rule-macros.ts';
import { withQuantities } from './rule-quantities.ts';
import { formatted, writtenDuration, writtenTime } from './rule-texts.ts';
import { withUrls } from './rule-urls.ts';
import { withVersions } from './rule-versions.ts';

/** Adds what Kubernetes' rules have beside the language itself. */
export function withKubernetesFunctions(environment: Environment, optional: typeof Optional): Environment {
  for (const add of [withTexts, withLists, withSets, withQuantities, withUrls, withAddresses, withVersions]) {
    add(environment);
  }
  return withMacros(withFormats(environment, optional), optional);
}

class Strings {}

/** What `matches` is called here: the language has one of its own, with JavaScript's patterns, which may never end. */
export const MATCHES = 'matchesPattern';

function withTexts(environment: Environment): Environment {
  const findAll = (text: string, pattern: string, most: bigint): readonly string[] => {
    const found: string[] = [];
    const matcher = readPattern(pattern).matcher(text);
    while ((most < 0n || found.length < most) && matcher.find()) found.push(matcher.group() ?? '');
    return found;
  };
  return environment
    .registerFunction(`string.${MATCHES}(string): bool`, (text: string, pattern: string) =>
      readPattern(pattern).matcher(text).find(),
    )
    .registerFunction(`${MATCHES}(string, string): bool`, (text: string, pattern: string) =>
      readPattern(pattern).matcher(text).find(),
    )
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => findAll(text, pattern, 1n)[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      findAll(text, pattern, -1n),
    )
    .registerFunction('string.findAll(string, int): list<string>', findAll)
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction('string.replace(string, string, int): string', replaceSome)
    .registerFunction('string.charAt(int): string', (text: string, index: bigint) => [...text][Number(index)] ?? '')
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''))
    .registerFunction('string.format(list<dyn>): string', formatted)
    .registerFunction('string(google.protobuf.Duration): string', writtenDuration)
    .registerFunction('string(google.protobuf.Timestamp): string', writtenTime)
    .registerType('Strings', Strings)
    .registerConstant('strings', 'Strings', new Strings())
    .registerFunction('Strings.quote(string): string', (_: Strings, text: string) => JSON.stringify(text));
}

function replaceSome(text: string, from: string, to: string, most: bigint): string {
  let left = most;
  return text.replaceAll(from, (found) => (left < 0n || left-- > 0n ? to : found));
}

type Comparable = bigint | string | number;

function withLists(environment: Environment): Environment {
  return environment
    .registerFunction('list<dyn>.isSorted(): bool', (list: readonly Comparable[]) =>
      list.every((item, index) => index === 0 || (list[index - 1] ?? item) <= item),
    )
    .registerFunction('list<dyn>.sum(): dyn', (list: readonly (bigint | number)[]) =>
      list.length === 0
        ? 0n
        : list.reduce((sum, item) =>
            typeof sum === 'bigint' && typeof item === 'bigint' ? sum + item : Number(sum) + Number(item),
          ),
    )
    .registerFunction('list<dyn>.max(): dyn', (list: readonly Comparable[]) =>
      list.reduce((most, item) => (item > most ? item : most)),
    )
    .registerFunction('list<dyn>.min(): dyn', (list: readonly Comparable[]) =>
      list.reduce((least, item) => (item < least ? item : least)),
    )
    .registerFunction('list<dyn>.indexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
      BigInt(list.findIndex((each) => isDeepStrictEqual(each, item))),
    )
    .registerFunction('list<dyn>.lastIndexOf(dyn): int', (list: readonly unknown[], item: unknown) =>
      BigInt(list.findLastIndex((each) => isDeepStrictEqual(each, item))),
    );
}

class Sets {}

type List = readonly unknown[];

/** Lists as sets: `sets.contains(self.allowed, self.used)`. */
function withSets(environment: Environment): Environment {
  const has = (list: List, item: unknown): boolean => list.some((each) => isDeepStrictEqual(each, item));
  const contains = (list: List, part: List): boolean => part.every((item) => has(list, item));
  return environment
    .registerType('Sets', Sets)
    .registerConstant('sets', 'Sets', new Sets())
    .registerFunction('Sets.contains(list<dyn>, list<dyn>): bool', (_: Sets, a: List, b: List) => contains(a, b))
    .registerFunction(
      'Sets.equivalent(list<dyn>, list<dyn>): bool',
      (_: Sets, a: List, b: List) => contains(a, b) && contains(b, a),
    )
    .registerFunction('Sets.intersects(list<dyn>, list<dyn>): bool', (_: Sets, a: List, b: List) =>
      a.some((item) => has(b, item)),
    );
}
