import type { LabelSelector } from '../../api/generated/types.ts';
import { checkLabelValue, checkQualifiedName } from '../../api/names.ts';
import { checkName } from './checks.ts';
import { type Errors, forbidden, invalidValue, required } from './field-errors.ts';

export function validateLabelSelector(selector: LabelSelector | undefined, field: string, errors: Errors): void {
  if (selector === undefined) return;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    checkName(key, checkQualifiedName, `${field}.matchLabels`, errors);
    checkName(value, checkLabelValue, `${field}.matchLabels`, errors);
  }
  for (const [index, requirement] of (selector.matchExpressions ?? []).entries()) {
    const at = `${field}.matchExpressions[${index}]`;
    const values = requirement.values ?? [];
    switch (requirement.operator) {
      case 'In':
      case 'NotIn':
        if (values.length === 0) {
          errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
        }
        break;
      case 'Exists':
      case 'DoesNotExist':
        if (values.length > 0) {
          errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
        }
        break;
      default:
        errors.push(invalidValue(`${at}.operator`, requirement.operator, 'not a valid selector operator'));
    }
    checkName(requirement.key, checkQualifiedName, `${at}.key`, errors);
    for (const [position, value] of values.entries()) {
      checkName(value, checkLabelValue, `${at}.values[${position}]`, errors);
    }
  }
}

export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}
