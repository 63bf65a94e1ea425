import type { Environment } from '@marcbachmann/cel-js';

import { parseQuantity } from '../../../api/quantity.ts';
import { succeeds } from './succeeds.ts';

const NANO = 1_000_000_000n;

/** An amount as rules compare and add it. */
class RuleQuantity {
  readonly nano: bigint;

  constructor(nano: bigint) {
    this.nano = nano;
  }
}

/** Amounts: `quantity('1Gi').isLessThan(quantity(self.size))`. */
export function withQuantities(environment: Environment): Environment {
  const amount = (text: string): RuleQuantity => new RuleQuantity(parseQuantity(text).nano);
  const sign = (nano: bigint): bigint => (nano < 0n ? -1n : nano > 0n ? 1n : 0n);
  const sum = (a: RuleQuantity, nano: bigint): RuleQuantity => new RuleQuantity(a.nano + nano);
  return environment
    .registerType('Quantity', RuleQuantity)
    .registerFunction('quantity(string): Quantity', amount)
    .registerFunction('isQuantity(string): bool', (text: string) => succeeds(() => amount(text)))
    .registerOperator('Quantity == Quantity', (a: RuleQuantity, b: RuleQuantity) => a.nano === b.nano)
    .registerFunction('Quantity.isGreaterThan(Quantity): bool', (a: RuleQuantity, b: RuleQuantity) => a.nano > b.nano)
    .registerFunction('Quantity.isLessThan(Quantity): bool', (a: RuleQuantity, b: RuleQuantity) => a.nano < b.nano)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: RuleQuantity, b: RuleQuantity) => sign(a.nano - b.nano))
    .registerFunction('Quantity.add(Quantity): Quantity', (a: RuleQuantity, b: RuleQuantity) => sum(a, b.nano))
    .registerFunction('Quantity.add(int): Quantity', (a: RuleQuantity, b: bigint) => sum(a, b * NANO))
    .registerFunction('Quantity.sub(Quantity): Quantity', (a: RuleQuantity, b: RuleQuantity) => sum(a, -b.nano))
    .registerFunction('Quantity.sub(int): Quantity', (a: RuleQuantity, b: bigint) => sum(a, -b * NANO))
    .registerFunction('Quantity.sign(): int', ({ nano }: RuleQuantity) => sign(nano))
    .registerFunction('Quantity.isInteger(): bool', ({ nano }: RuleQuantity) => nano % NANO === 0n)
    .registerFunction('Quantity.asInteger(): int', ({ nano }: RuleQuantity) => {
      if (nano % NANO !== 0n) throw new Error('cannot convert value to integer');
      return nano / NANO;
    })
    .registerFunction('Quantity.asApproximateFloat(): double', ({ nano }: RuleQuantity) => Number(nano) / Number(NANO));
}
