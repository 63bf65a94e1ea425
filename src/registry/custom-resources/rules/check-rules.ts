import type { Environment } from '@marcbachmann/cel-js';

import type { JSONSchemaProps } from '../../../api/generated/types.ts';
import { type Errors, forbidden, invalidValue, notSupported, required } from '../../validation/field-errors.ts';
import { asSchema, itemSchema } from '../structural-schema.ts';
import { checkRule, newEnvironment, partsOf } from './cel.ts';
import { inside, leastCost, MOST_OF_RULE, MOST_OF_SCHEMA, type Occurrence } from './rule-estimate.ts';
import { RuleTypes } from './rule-types.ts';
import { hasRules, SPEAKS_OF_OLD, type ValidationRule } from './validate-rules.ts';

const REASONS = ['FieldValueDuplicate', 'FieldValueForbidden', 'FieldValueInvalid', 'FieldValueRequired'];

/** A part of a schema that has rules. */
interface Place {
  readonly schema: JSONSchemaProps;
  /** Of the place in the definition. */
  readonly at: string;
  readonly isRoot: boolean;
  readonly occurrence: Occurrence;
  /** Where it is not known which part was the same before: in the items of a list without keys. */
  readonly uncorrelated?: string;
}

/**
 * What is wrong with the rules of a schema, as far as it can be told before there is an object: what they say of the
 * fields, and the types of that. `at` is where the schema is in its definition.
 */
export function checkRules(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const places: Place[] = [];
  collect(schema, at, undefined, { times: 1 }, places, true);
  let total = 0;
  for (const place of places) {
    const rules = place.schema['x-kubernetes-validations'] ?? [];
    for (const isOptional of [false, true]) {
      if (!rules.some(({ optionalOldSelf }) => (optionalOldSelf === true) === isOptional)) continue;
      const scope = scopeOf(place, isOptional);
      const check = (text: string, wanted: string, field: string): void => {
        const { problem, type: found } = checkRule(text, scope);
        const why = problem ?? (found === wanted || found === 'dyn' ? undefined : `must evaluate to a ${wanted}`);
        if (why !== undefined) errors.push(invalidValue(field, text, `compilation failed: ERROR: ${why}`));
      };
      for (const [index, rule] of rules.entries()) {
        if ((rule.optionalOldSelf === true) !== isOptional) continue;
        const found = errors.length;
        validateRule(rule, place, `${place.at}.x-kubernetes-validations[${index}]`, check, errors);
        if (errors.length > found) continue;
        const cost = leastCost(partsOf(rule.rule), place.schema, place.occurrence);
        total += cost;
        if (cost <= MOST_OF_RULE) continue;
        const why = `estimated rule cost exceeds budget by factor of ${factor(cost / MOST_OF_RULE)} (${REMEDY})`;
        errors.push(forbidden(`${place.at}.x-kubernetes-validations[${index}].rule`, why));
      }
    }
  }
  if (total > MOST_OF_SCHEMA) {
    const why = `estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of ${factor(total / MOST_OF_SCHEMA)} (${REMEDY})`;
    errors.push(forbidden(at, `x-kubernetes-validations ${why}`));
  }
}

const REMEDY =
  'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';

const factor = (times: number): string => (times > 100 ? 'more than 100x' : `${times.toFixed(1)}x`);

/** What rules see at a place, with its types. Those of other places are left out: declaring them takes time. */
function scopeOf({ schema, isRoot }: Place, isOptional: boolean): Environment {
  const environment = newEnvironment();
  const type = new RuleTypes(environment).of(schema, isRoot) ?? 'dyn';
  return environment
    .registerVariable('self', type)
    .registerVariable('oldSelf', isOptional ? `optional<${type}>` : type);
}

function validateRule(
  { rule, message = '', messageExpression, reason, fieldPath, optionalOldSelf }: ValidationRule,
  { uncorrelated, schema }: Place,
  at: string,
  check: (text: string, wanted: string, field: string) => void,
  errors: Errors,
): void {
  if (rule.trim() === '') errors.push(required(`${at}.rule`, 'rule is not specified'));
  else check(rule, 'bool', `${at}.rule`);
  if (message.includes('\n'))
    errors.push(invalidValue(`${at}.message`, message, 'message must not contain line breaks'));
  else if (message.trim() === '' && message !== '') {
    errors.push(invalidValue(`${at}.message`, message, 'message must be non-empty if specified'));
  } else if (message === '' && rule.trim().includes('\n')) {
    errors.push(required(`${at}.message`, 'message must be specified if rule contains line breaks'));
  }
  if (messageExpression !== undefined && messageExpression !== '') {
    const field = `${at}.messageExpression`;
    if (messageExpression.trim() === '') errors.push(required(field, 'must be non-empty if specified'));
    else check(messageExpression, 'string', field);
  }
  if (reason !== undefined && !REASONS.includes(reason)) errors.push(notSupported(`${at}.reason`, reason, REASONS));
  if (fieldPath !== undefined && fieldPath !== '' && !leadsSomewhere(fieldPath, schema)) {
    errors.push(invalidValue(`${at}.fieldPath`, fieldPath, 'fieldPath must be a valid path'));
  }
  if (optionalOldSelf !== undefined && !SPEAKS_OF_OLD.test(rule)) {
    errors.push(
      invalidValue(`${at}.optionalOldSelf`, optionalOldSelf, 'may not be set if oldSelf is not used in rule'),
    );
  }
  if (uncorrelated !== undefined && SPEAKS_OF_OLD.test(rule)) {
    const why = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`;
    errors.push(invalidValue(`${at}.rule`, rule, why));
  }
}

/** `.spec.name`, `['dashed-name']`: a path of members that the schema knows. */
function leadsSomewhere(path: string, schema: JSONSchemaProps): boolean {
  if (!/^(\.[\w$]+|\['[^']+'\])+$/.test(path)) return false;
  let place: JSONSchemaProps | undefined = schema;
  for (const [, plain, quoted = ''] of path.matchAll(/\.([\w$]+)|\['([^']+)'\]/g)) {
    place = place?.properties?.[plain ?? quoted] ?? asSchema(place?.additionalProperties);
  }
  return place !== undefined;
}

function collect(
  schema: JSONSchemaProps,
  at: string,
  uncorrelated: string | undefined,
  occurrence: Occurrence,
  places: Place[],
  isRoot = false,
): void {
  if (!hasRules(schema)) return;
  if ((schema['x-kubernetes-validations'] ?? []).length > 0) {
    places.push({ schema, at, isRoot, occurrence, ...(uncorrelated !== undefined && { uncorrelated }) });
  }
  for (const [name, inner] of Object.entries(schema.properties ?? {})) {
    collect(inner, `${at}.properties[${name}]`, uncorrelated, occurrence, places);
  }
  const items = itemSchema(schema);
  if (items !== undefined) {
    const lost = uncorrelated ?? (schema['x-kubernetes-list-type'] === 'map' ? undefined : at);
    collect(items, `${at}.items`, lost, inside(schema, occurrence), places);
  }
  const rest = asSchema(schema.additionalProperties);
  if (rest !== undefined) collect(rest, `${at}.additionalProperties`, uncorrelated, inside(schema, occurrence), places);
}
