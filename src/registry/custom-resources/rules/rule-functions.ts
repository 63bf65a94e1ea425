import { isIP } from 'node:net';

import type { Environment } from '@marcbachmann/cel-js';

import { parseQuantity } from '../../../api/quantity.ts';

const NANO = 1_000_000_000n;

/** An amount as rules compare and add it. */
class RuleQuantity {
  readonly nano: bigint;

  constructor(nano: bigint) {
    this.nano = nano;
  }
}

/** An address of the web as rules take it apart. */
class RuleUrl {
  readonly url: URL;

  constructor(text: string) {
    this.url = new URL(text);
  }
}

type Comparable = bigint | string | number;

/** Adds what Kubernetes' rules have beside the language itself. */
export function withKubernetesFunctions(environment: Environment): Environment {
  return withUrls(withQuantities(withLists(withTexts(environment))));
}

function withTexts(environment: Environment): Environment {
  return environment
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, to),
    )
    .registerFunction('string.charAt(int): string', (text: string, index: bigint) => [...text][Number(index)] ?? '')
    .registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''))
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => text.match(new RegExp(pattern, 'u'))?.[0] ?? '',
    )
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) => [
      ...(text.match(new RegExp(pattern, 'gu')) ?? []),
    ])
    .registerFunction('string.format(list<dyn>): string', (text: string, values: readonly unknown[]) => {
      let next = 0;
      return text.replace(/%([%sd])/g, (_, kind) => (kind === '%' ? '%' : String(values[next++])));
    })
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0);
}

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
      BigInt(list.indexOf(item)),
    );
}

function withQuantities(environment: Environment): Environment {
  const amount = (text: string): RuleQuantity => new RuleQuantity(parseQuantity(text).nano);
  const sign = (nano: bigint): bigint => (nano < 0n ? -1n : nano > 0n ? 1n : 0n);
  return environment
    .registerType('Quantity', RuleQuantity)
    .registerFunction('quantity(string): Quantity', amount)
    .registerFunction('isQuantity(string): bool', (text: string) => succeeds(() => amount(text)))
    .registerOperator('Quantity == Quantity', (a: RuleQuantity, b: RuleQuantity) => a.nano === b.nano)
    .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: RuleQuantity, b: RuleQuantity) => a.nano > b.nano)
    .registerFunction('Quantity.isLessThan(Quantity): bool', (a: RuleQuantity, b: RuleQuantity) => a.nano < b.nano)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: RuleQuantity, b: RuleQuantity) => sign(a.nano - b.nano))
    .registerFunction(
      'Quantity.add(Quantity): Quantity',
      (a: RuleQuantity, b: RuleQuantity) => new RuleQuantity(a.nano + b.nano),
    )
    .registerFunction(
      'Quantity.sub(Quantity): Quantity',
      (a: RuleQuantity, b: RuleQuantity) => new RuleQuantity(a.nano - b.nano),
    )
    .registerFunction('Quantity.sign(): int', ({ nano }: RuleQuantity) => sign(nano))
    .registerFunction('Quantity.isInteger(): bool', ({ nano }: RuleQuantity) => nano % NANO === 0n)
    .registerFunction('Quantity.asInteger(): int', ({ nano }: RuleQuantity) => {
      if (nano % NANO !== 0n) throw new Error('cannot convert value to integer');
      return nano / NANO;
    })
    .registerFunction('Quantity.asApproximateFloat(): double', ({ nano }: RuleQuantity) => Number(nano) / Number(NANO));
}

function withUrls(environment: Environment): Environment {
  return environment
    .registerType('URL', RuleUrl)
    .registerFunction('url(string): URL', (text: string) => new RuleUrl(text))
    .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text))
    .registerFunction('URL.getScheme(): string', ({ url }: RuleUrl) => url.protocol.slice(0, -1))
    .registerFunction('URL.getHost(): string', ({ url }: RuleUrl) => url.host)
    .registerFunction('URL.getHostname(): string', ({ url }: RuleUrl) => url.hostname.replace(/^\[|\]$/g, ''))
    .registerFunction('URL.getPort(): string', ({ url }: RuleUrl) => url.port)
    .registerFunction('URL.getEscapedPath(): string', ({ url }: RuleUrl) => url.pathname);
}

function succeeds(work: () => unknown): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}
