import { checkNonNegative } from './checks.ts';
import { type Errors, invalidValue } from './field-errors.ts';

const PERCENT = /^(\d+)%$/;

/** A count, or a share of one. */
export type IntOrPercent = number | string | undefined;

/** 0 or more, as a number or as a percentage of at most 100. */
export function checkIntOrPercent(value: IntOrPercent, field: string, errors: Errors): void {
  if (typeof value === 'number') checkNonNegative(value, field, errors);
  else if (value !== undefined) {
    const percent = PERCENT.exec(value)?.[1];
    if (percent === undefined) {
      errors.push(
        invalidValue(
          field,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      );
    } else if (Number(percent) > 100) errors.push(invalidValue(field, value, 'must not be greater than 100%'));
  }
}

export function isZero(value: IntOrPercent): boolean {
  return value === 0 || (typeof value === 'string' && /^0+%$/.test(value));
}
