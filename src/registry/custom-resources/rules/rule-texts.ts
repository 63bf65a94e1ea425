/** A value as `%s` writes it. */
function written(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (value instanceof Date) return writtenTime(value);
  if (Array.isArray(value)) return `[${value.map(written).join(', ')}]`;
  if (typeof value !== 'object') return String(value);
  if ('seconds' in value && 'nanos' in value) return writtenDuration(value);
  const members = value instanceof Map ? [...value] : Object.entries(value);
  const texts = members.map(([key, member]) => `${written(key)}: ${written(member)}`).sort();
  return `{${texts.join(', ')}}`;
}

/** Without the zeros at the end: `2020-01-01T00:00:00Z`, `2020-01-01T00:00:00.5Z`. */
export const writtenTime = (time: Date): string => time.toISOString().replace(/\.?0*Z$/, 'Z');

/** In seconds: `90s`, `0.5s`. */
export const writtenDuration = ({ seconds, nanos }: { seconds?: unknown; nanos?: unknown }): string =>
  `${Number(seconds) + Number(nanos) / 1e9}s`;

function hexOf(value: unknown): string {
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  return wholeNumber(value, 'hex').toString(16);
}

function wholeNumber(value: unknown, clause: string): bigint {
  const plain = typeof value === 'object' ? value?.valueOf() : value;
  if (typeof plain === 'bigint') return plain;
  throw new Error(`error during formatting: ${clause} clause can only be used on integers`);
}

function realNumber(value: unknown, clause: string): number {
  if (typeof value === 'number') return value;
  if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') return Number(value);
  throw new Error(`error during formatting: ${clause} clause can only be used on doubles`);
}

/** How many digits after the point, when a clause does not say. */
const PRECISION = 6;

function clause(verb: string, precision: number, value: unknown): string {
  switch (verb) {
    case 's':
      return written(value);
    case 'd':
      return typeof value === 'number' && !Number.isFinite(value)
        ? String(value)
        : String(wholeNumber(value, 'decimal'));
    case 'f':
      return realNumber(value, 'fixed-point').toFixed(precision);
    case 'e':
      // The exponent has two digits at least.
      return realNumber(value, 'scientific')
        .toExponential(precision)
        .replace(/e([+-])(\d)$/, 'e$10$2');
    case 'b':
      return typeof value === 'boolean' ? String(Number(value)) : wholeNumber(value, 'binary').toString(2);
    case 'x':
      return hexOf(value);
    case 'X':
      return hexOf(value).toUpperCase();
    case 'o':
      return wholeNumber(value, 'octal').toString(8);
    default:
      throw new Error(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
  }
}

/** `'%s has %.1f'.format([self.name, self.share])`. Throws for a clause that there is not, or without its value. */
export function formatted(text: string, values: readonly unknown[]): string {
  let next = 0;
  return text.replace(
    /%(?:%|(?:\.(\d{1,2}))?(.?))/gs,
    (whole, digits: string | undefined, verb: string | undefined) => {
      if (whole === '%%') return '%';
      if (next >= values.length) throw new Error(`index ${next} out of range`);
      return clause(verb ?? '', digits === undefined ? PRECISION : Number(digits), values[next++]);
    },
  );
}
