import type { NameCheck } from '../../api/names.ts';
import { duplicate, type Errors, invalidValue, notSupported, required } from './field-errors.ts';

/** Reports everything `check` has against `value`. */
export function checkName(value: string, check: NameCheck, field: string, errors: Errors): void {
  for (const detail of check(value)) errors.push(invalidValue(field, value, detail));
}

/** Like {@link checkName}, for a name that must be there. */
export function checkRequiredName(value: string | undefined, check: NameCheck, field: string, errors: Errors): void {
  if (value === undefined || value === '') errors.push(required(field));
  else checkName(value, check, field, errors);
}

export function checkNonNegative(value: number | undefined, field: string, errors: Errors): void {
  if (value !== undefined && value < 0) {
    errors.push(invalidValue(field, value, 'must be greater than or equal to 0'));
  }
}

export function checkPositive(value: number | undefined, field: string, errors: Errors): void {
  if (value !== undefined && value <= 0) errors.push(invalidValue(field, value, 'must be greater than 0'));
}

export function checkInRange(value: number, min: number, max: number, field: string, errors: Errors): void {
  if (value < min || value > max) {
    errors.push(invalidValue(field, value, `must be between ${min} and ${max}, inclusive`));
  }
}

export function checkPortNumber(port: number, field: string, errors: Errors): void {
  checkInRange(port, 1, 65535, field, errors);
}

/** The value, when given, is one of `supported` (in alphabetical order, as messages list them). */
export function checkOneOf(
  value: string | undefined,
  supported: readonly string[],
  field: string,
  errors: Errors,
): void {
  if (value !== undefined && !supported.includes(value)) errors.push(notSupported(field, value, supported));
}

/** Like {@link checkOneOf}, for a value that must be there. */
export function checkRequiredOneOf(
  value: string | undefined,
  supported: readonly string[],
  field: string,
  errors: Errors,
): void {
  if (value === undefined || value === '') errors.push(required(field));
  else checkOneOf(value, supported, field, errors);
}

/** Reports the items whose `key` an earlier item has already; `field` names the key of the item at an index. */
export function checkUnique<T>(
  items: readonly T[],
  key: (item: T) => string | undefined,
  field: (index: number) => string,
  errors: Errors,
): void {
  if (items.length < 2) return;
  const seen = new Set<string>();
  for (const [index, item] of items.entries()) {
    const value = key(item);
    if (value === undefined || value === '') continue;
    if (seen.has(value)) errors.push(duplicate(field(index), value));
    seen.add(value);
  }
}

const PORT_NAME = /^[-a-z0-9]+$/;

/** What a port may be called (RFC 6335): the words of what is wrong. */
export const checkPortName: NameCheck = (name) => {
  const wrong: string[] = [];
  if (name.length > 15) wrong.push('must be no more than 15 characters');
  if (!PORT_NAME.test(name)) wrong.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(name)) wrong.push('must contain at least one letter (a-z)');
  if (name.includes('--')) wrong.push('must not contain consecutive hyphens');
  if (name.startsWith('-') || name.endsWith('-')) wrong.push('must not begin or end with a hyphen');
  return wrong;
};

/** A port by number, or by the name of a container's port. */
export function checkPortOrName(port: number | string, field: string, errors: Errors): void {
  if (typeof port === 'number') checkPortNumber(port, field, errors);
  else checkName(port, checkPortName, field, errors);
}

const IPV4_PART = '(25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const IPV4 = new RegExp(`^${IPV4_PART}(\\.${IPV4_PART}){3}$`);

export function isIpAddress(text: string): boolean {
  return IPV4.test(text) || isIpv6(text);
}

function isIpv6(text: string): boolean {
  if (!text.includes(':') || !/^[0-9a-fA-F:.]+$/.test(text)) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const groups = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = groups.at(-1);
  const embedded = last?.includes('.') === true;
  if (embedded && !IPV4.test(last)) return false;
  const count = groups.length + (embedded ? 1 : 0);
  const plain = embedded ? groups.slice(0, -1) : groups;
  return plain.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group)) && (halves.length === 2 ? count < 8 : count === 8);
}

export function checkIpAddress(text: string, field: string, errors: Errors): void {
  if (!isIpAddress(text)) {
    errors.push(invalidValue(field, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'));
  }
}

/** A path below something that it must not leave. */
export function checkDescendingPath(path: string, field: string, errors: Errors): void {
  if (path.startsWith('/')) errors.push(invalidValue(field, path, 'must be a relative path'));
  checkNoBacksteps(path, field, errors);
}

export function checkNoBacksteps(path: string, field: string, errors: Errors): void {
  if (path.split('/').includes('..')) errors.push(invalidValue(field, path, "must not contain '..'"));
}

/** Key of a config map or secret: also the name of a file. */
export const checkConfigKey: NameCheck = (key) => {
  const wrong: string[] = [];
  if (key.length > 253) wrong.push('must be no more than 253 bytes');
  if (!/^[-._a-zA-Z0-9]+$/.test(key)) {
    wrong.push(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
    );
  }
  if (key === '.') wrong.push("must not be '.'");
  if (key === '..') wrong.push("must not be '..'");
  else if (key.startsWith('..')) wrong.push("must not start with '..'");
  return wrong;
};
