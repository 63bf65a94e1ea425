import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../../api/generated/types.ts';
import { JsonPathSyntaxError, parseJsonPath } from '../../api/json-path.ts';
import { checkDns1035Label, checkDnsSubdomain } from '../../api/names.ts';
import { checkName, checkRequiredName, checkRequiredOneOf } from '../validation/checks.ts';
import { duplicate, type Errors, forbidden, invalidValue, notSupported, required } from '../validation/field-errors.ts';
import { checkImmutable } from '../validation/metadata-validation.ts';
import { readPattern } from './patterns.ts';
import { readRule } from './rules/cel.ts';
import { rulesOf } from './rules/validate-rules.ts';
import { validateAgainstSchema } from './schema-validation.ts';
import { asSchema, itemSchema } from './structural-schema.ts';

/** Groups of Kubernetes itself: nobody takes names there by accident. */
const PROTECTED_GROUP = /(^|\.)(k8s|kubernetes)\.io$/;
const APPROVAL = 'api-approved.kubernetes.io';
const SCOPES = ['Cluster', 'Namespaced'];
/** Schemas deeper than this are not read. */
const DEEPEST = 100;

export function validateDefinition(definition: CustomResourceDefinition, errors: Errors): void {
  const { group, names, scope, versions, conversion } = definition.spec;
  checkRequiredName(group, checkDnsSubdomain, 'spec.group', errors);
  if (group !== '' && !group.includes('.')) {
    errors.push(invalidValue('spec.group', group, 'should be a domain with at least one dot'));
  }
  checkRequiredName(names.plural, checkDns1035Label, 'spec.names.plural', errors);
  checkRequiredName(names.singular, checkDns1035Label, 'spec.names.singular', errors);
  checkRequiredName(names.kind?.toLowerCase(), checkDns1035Label, 'spec.names.kind', errors);
  checkRequiredName(names.listKind?.toLowerCase(), checkDns1035Label, 'spec.names.listKind', errors);
  if (names.kind !== '' && names.kind === names.listKind) {
    errors.push(invalidValue('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'));
  }
  for (const [index, name] of (names.shortNames ?? []).entries()) {
    checkName(name, checkDns1035Label, `spec.names.shortNames[${index}]`, errors);
  }
  for (const [index, name] of (names.categories ?? []).entries()) {
    checkName(name, checkDns1035Label, `spec.names.categories[${index}]`, errors);
  }
  checkRequiredOneOf(scope, SCOPES, 'spec.scope', errors);
  const expected = `${names.plural}.${group}`;
  if (definition.metadata.name !== expected) {
    errors.push(invalidValue('metadata.name', definition.metadata.name, 'must be spec.names.plural+"."+spec.group'));
  }
  if (PROTECTED_GROUP.test(group) && definition.metadata.annotations?.[APPROVAL] === undefined) {
    const why = `protected groups must have approval annotation "${APPROVAL}", see https://github.com/kubernetes/enhancements/pull/1111`;
    errors.push(required(`metadata.annotations[${APPROVAL}]`, why));
  }
  if (definition.spec.preserveUnknownFields === true) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalidValue('spec.preserveUnknownFields', true, why));
  }
  if (conversion?.strategy === 'Webhook') {
    errors.push(forbidden('spec.conversion.strategy', 'conversion by a webhook is not supported: use None'));
  } else if (conversion !== undefined && conversion.strategy !== 'None') {
    errors.push(notSupported('spec.conversion.strategy', conversion.strategy, ['None', 'Webhook']));
  }
  validateVersions(versions, errors);
}

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
  errors: Errors,
): void {
  if (definition.spec !== old.spec) validateDefinition(definition, errors);
  const established = old.status?.conditions?.find(({ type }) => type === 'Established')?.status === 'True';
  checkImmutable(definition.spec.group, old.spec.group, 'spec.group', errors);
  checkImmutable(definition.spec.names.plural, old.spec.names.plural, 'spec.names.plural', errors);
  if (established) {
    checkImmutable(definition.spec.scope, old.spec.scope, 'spec.scope', errors);
    checkImmutable(definition.spec.names.kind, old.spec.names.kind, 'spec.names.kind', errors);
  }
  for (const name of old.status?.storedVersions ?? []) {
    if (definition.spec.versions.some((version) => version.name === name)) continue;
    if (definition.status?.storedVersions?.includes(name) === false) continue;
    errors.push(invalidValue('status.storedVersions[0]', name, 'must appear in spec.versions'));
  }
}

/** A rule that cannot be evaluated is refused now, and not when somebody writes an object. */
function validateRuleTexts(schema: JSONSchemaProps, at: string, errors: Errors): void {
  for (const { rule, at: field } of rulesOf(schema, at)) {
    const read = readRule(rule);
    if (typeof read === 'function') continue;
    errors.push(invalidValue(field, rule, `compilation failed: ERROR: ${read.message}`));
  }
}

function validateVersions(versions: readonly CustomResourceDefinitionVersion[], errors: Errors): void {
  const seen = new Set<string>();
  for (const [index, version] of versions.entries()) {
    const at = `spec.versions[${index}]`;
    checkRequiredName(version.name, checkDns1035Label, `${at}.name`, errors);
    if (seen.has(version.name)) errors.push(duplicate(`${at}.name`, version.name));
    seen.add(version.name);
    const schema = version.schema?.openAPIV3Schema;
    if (schema === undefined) errors.push(required(`${at}.schema.openAPIV3Schema`, 'schemas are required'));
    else {
      validateRoot(schema, `${at}.schema.openAPIV3Schema`, errors);
      validateRuleTexts(schema, `${at}.schema.openAPIV3Schema`, errors);
    }
    for (const [column, { jsonPath, name }] of (version.additionalPrinterColumns ?? []).entries()) {
      if (name === '') errors.push(required(`${at}.additionalPrinterColumns[${column}].name`));
      validatePath(jsonPath, `${at}.additionalPrinterColumns[${column}].jsonPath`, errors);
    }
    for (const [field, { jsonPath }] of (version.selectableFields ?? []).entries()) {
      validatePath(jsonPath, `${at}.selectableFields[${field}].jsonPath`, errors, '.');
    }
    const scale = version.subresources?.scale;
    if (scale === undefined) continue;
    validatePath(scale.specReplicasPath, `${at}.subresources.scale.specReplicasPath`, errors, '.spec.');
    validatePath(scale.statusReplicasPath, `${at}.subresources.scale.statusReplicasPath`, errors, '.status.');
    if (scale.labelSelectorPath !== undefined && scale.labelSelectorPath !== '') {
      validatePath(scale.labelSelectorPath, `${at}.subresources.scale.labelSelectorPath`, errors, '.');
    }
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  }
}

/** `start`: a path through members only, which begins so. */
function validatePath(text: string, field: string, errors: Errors, start?: string): void {
  if (text === '') {
    errors.push(required(field));
    return;
  }
  try {
    const { members } = parseJsonPath(text);
    if (start === undefined) return;
    if (members === undefined) errors.push(invalidValue(field, text, 'should be a simple json path without array'));
    else if (!text.startsWith(start)) errors.push(invalidValue(field, text, `should be a json path under ${start}`));
  } catch (error) {
    if (!(error instanceof JsonPathSyntaxError)) throw error;
    errors.push(invalidValue(field, text, error.message));
  }
}

function validateRoot(schema: JSONSchemaProps, at: string, errors: Errors): void {
  if (schema.type !== 'object')
    errors.push(invalidValue(`${at}.type`, schema.type ?? '', 'must be object at the root'));
  if (schema.nullable === true) errors.push(forbidden(`${at}.nullable`, 'nullable cannot be true at the root'));
  validateNode(schema, at, errors, 0);
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];
const UNSUPPORTED = ['$ref', 'definitions', 'dependencies', 'patternProperties', 'additionalItems', 'id'] as const;

/** Structural: every place has one type, said where the place is, and nothing refers elsewhere. */
function validateNode(schema: JSONSchemaProps, at: string, errors: Errors, depth: number): void {
  if (depth > DEEPEST) {
    errors.push(forbidden(at, `schemas are not nested more than ${DEEPEST} levels deep`));
    return;
  }
  const { type = '', items, properties, additionalProperties } = schema;
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || schema['x-kubernetes-int-or-string'] === true;
  if (type === '' && !open) errors.push(required(`${at}.type`, 'must not be empty for specified object fields'));
  if (type !== '' && !TYPES.includes(type)) errors.push(notSupported(`${at}.type`, type, TYPES));
  for (const key of UNSUPPORTED)
    if (schema[key] !== undefined) errors.push(forbidden(`${at}.${key}`, `${key} is not supported`));
  if (schema.uniqueItems === true) {
    errors.push(
      forbidden(
        `${at}.uniqueItems`,
        'uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
      ),
    );
  }
  if (schema.pattern !== undefined) validatePattern(schema.pattern, `${at}.pattern`, errors);
  if (properties !== undefined && (additionalProperties === true || asSchema(additionalProperties) !== undefined)) {
    errors.push(forbidden(`${at}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  }
  if (type === 'array' && items === undefined) errors.push(required(`${at}.items`, 'must be specified'));
  if (Array.isArray(items)) errors.push(forbidden(`${at}.items`, 'items must be a schema object and not an array'));
  validateListType(schema, at, errors);
  if (schema.default !== undefined && depth > 0) validateDefault(schema, at, errors);
  if (properties !== undefined) {
    for (const [name, of] of Object.entries(properties)) {
      if (depth === 0 && name === 'metadata') continue;
      validateNode(of, `${at}.properties[${name}]`, errors, depth + 1);
    }
  }
  const inner = itemSchema(schema);
  if (inner !== undefined) validateNode(inner, `${at}.items`, errors, depth + 1);
  const rest = asSchema(additionalProperties);
  if (rest !== undefined) validateNode(rest, `${at}.additionalProperties`, errors, depth + 1);
}

function validatePattern(pattern: string, at: string, errors: Errors): void {
  try {
    readPattern(pattern);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    errors.push(invalidValue(at, pattern, `must be a valid regular expression, but isn't: ${why}`));
  }
}

function validateListType(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const listType = schema['x-kubernetes-list-type'];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  if (listType !== undefined && !['atomic', 'set', 'map'].includes(listType)) {
    errors.push(notSupported(`${at}.x-kubernetes-list-type`, listType, ['atomic', 'set', 'map']));
  }
  if (listType === 'map' && keys.length === 0) {
    errors.push(required(`${at}.x-kubernetes-list-map-keys`, 'must not be empty if x-kubernetes-list-type is map'));
  }
  for (const [index, key] of keys.entries()) {
    if (itemSchema(schema)?.properties?.[key] !== undefined) continue;
    const why = 'entries must all be names of item properties';
    errors.push(invalidValue(`${at}.x-kubernetes-list-map-keys[${index}]`, key, why));
  }
}

function validateDefault(schema: JSONSchemaProps, at: string, errors: Errors): void {
  const found: Errors = [];
  validateAgainstSchema({ default: schema.default }, { type: 'object', properties: { default: schema } }, found);
  for (const { field, ...error } of found) errors.push({ ...error, field: `${at}.${field}` });
}
