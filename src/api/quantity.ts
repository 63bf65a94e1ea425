/** How a quantity was written, and is written again: `1Gi`, `500m`, `1e3`. */
export type QuantityFormat = 'binary' | 'decimal' | 'exponent';

/** An exact amount. */
export interface Quantity {
  /** In billionths of the unit; anything finer was rounded up (away from zero). */
  readonly nano: bigint;
  readonly format: QuantityFormat;
}

/** The text is not a quantity. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';

  constructor() {
    super("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
  }
}

const NANO = 1_000_000_000n;
/** Larger amounts count as this one: what a signed 64-bit integer holds. */
const MAX_NANO = (2n ** 63n - 1n) * NANO;

const DECIMAL_SUFFIXES = ['n', 'u', 'm', '', 'k', 'M', 'G', 'T', 'P', 'E'] as const;
const BINARY_SUFFIXES = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'] as const;
const DECIMAL_EXPONENT = new Map<string, number>(DECIMAL_SUFFIXES.map((suffix, index) => [suffix, 3 * index - 9]));
const BINARY_EXPONENT = new Map<string, number>(BINARY_SUFFIXES.map((suffix, index) => [suffix, 10 * index]));

const PATTERN = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,9}))?$/;
/** Longer texts are no amounts anybody means. */
const MAX_LENGTH = 256;

/** Throws {@link QuantityError}. */
export function parseQuantity(text: string): Quantity {
  const match = text.length <= MAX_LENGTH ? PATTERN.exec(text) : null;
  if (match === null) throw new QuantityError();
  const [, sign, digits = '', suffix = '', exponent] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const mantissa = BigInt(whole + fraction);
  const binary = suffix.endsWith('i') ? BINARY_EXPONENT.get(suffix) : undefined;
  // mantissa * 10^power * 2^binary, in billionths
  const power = 9 - fraction.length + (exponent === undefined ? 0 : Number(exponent)) + decimalPower(suffix, binary);
  const magnitude = bounded(mantissa * 2n ** BigInt(binary ?? 0), power);
  const format = exponent !== undefined ? 'exponent' : binary !== undefined ? 'binary' : 'decimal';
  return { nano: sign === '-' ? -magnitude : magnitude, format };
}

function decimalPower(suffix: string, binary: number | undefined): number {
  return binary === undefined ? (DECIMAL_EXPONENT.get(suffix) ?? 0) : 0;
}

/** `amount * 10^power`, rounded up, and never more than the largest amount there is. */
function bounded(amount: bigint, power: number): bigint {
  if (amount === 0n) return 0n;
  if (power > 40) return MAX_NANO;
  if (power < -2 * MAX_LENGTH) return 1n;
  const divisor = power < 0 ? 10n ** BigInt(-power) : 1n;
  const value = power < 0 ? (amount + divisor - 1n) / divisor : amount * 10n ** BigInt(power);
  return value > MAX_NANO ? MAX_NANO : value;
}

/** The quantity in canonical form: no fraction, and the largest suffix that allows for that. */
function formatQuantity({ nano, format }: Quantity): string {
  if (nano === 0n) return '0';
  const sign = nano < 0n ? '-' : '';
  const magnitude = nano < 0n ? -nano : nano;
  if (format === 'binary' && magnitude >= 1024n * NANO) {
    let value = (magnitude + NANO - 1n) / NANO;
    let index = 0;
    while (value % 1024n === 0n && index < BINARY_SUFFIXES.length - 1) {
      value /= 1024n;
      index++;
    }
    return `${sign}${value}${BINARY_SUFFIXES[index]}`;
  }
  let value = magnitude;
  let index = 0;
  while (value % 1000n === 0n && index < DECIMAL_SUFFIXES.length - 1) {
    value /= 1000n;
    index++;
  }
  if (format !== 'exponent') return `${sign}${value}${DECIMAL_SUFFIXES[index]}`;
  const exponent = 3 * index - 9;
  return `${sign}${value}${exponent === 0 ? '' : `e${exponent}`}`;
}

/** The few amounts that manifests use come again and again. */
const canonical = new Map<string, string>();
const CACHE_SIZE = 1000;

/**
 * The canonical form of a quantity as text or number. Throws {@link QuantityError}.
 *
 * @example
 * canonicalQuantity('1024Mi'); // '1Gi'
 * canonicalQuantity(0.5); // '500m'
 */
export function canonicalQuantity(quantity: string | number): string {
  const text = String(quantity);
  let form = canonical.get(text);
  if (form === undefined) {
    form = formatQuantity(parseQuantity(text));
    if (canonical.size >= CACHE_SIZE) canonical.clear();
    canonical.set(text, form);
  }
  return form;
}

/** Negative when `a` is less than `b`, 0 when they are the same amount. Throws {@link QuantityError}. */
export function compareQuantities(a: string, b: string): number {
  if (a === b) return 0;
  const difference = parseQuantity(a).nano - parseQuantity(b).nano;
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The amount in whole units, rounded up: bytes of memory, pieces. Throws {@link QuantityError}. */
export function quantityValue(text: string): number {
  return Number(ceilDivide(parseQuantity(text).nano, NANO));
}

/** The amount in thousandths, rounded up: of a processor. Throws {@link QuantityError}. */
export function quantityMillis(text: string): number {
  return Number(ceilDivide(parseQuantity(text).nano, NANO / 1000n));
}

function ceilDivide(value: bigint, divisor: bigint): bigint {
  return value > 0n ? (value + divisor - 1n) / divisor : value / divisor;
}
