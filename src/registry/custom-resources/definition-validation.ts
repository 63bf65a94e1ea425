import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  JSONSchemaProps,
} from '../../api/generated/types.ts';
import { JsonPathSyntaxError, parseJsonPath } from '../../api/json-path.ts';
import { checkDns1035Label, checkDnsSubdomain } from '../../api/names.ts';
import { checkName, checkRequiredName, checkRequiredOneOf } from '../validation/checks.ts';
import {
  duplicate,
  type Errors,
  forbidden,
  invalidValue,
  notSupported,
  required,
  tooMany,
} from '../validation/field-errors.ts';
import { checkImmutable } from '../validation/metadata-validation.ts';
import { sameValue } from '../values.ts';
import { checkRules } from './rules/check-rules.ts';
import { validateStructure } from './schema-structure.ts';
import { memberSchema } from './structural-schema.ts';

/** Groups of Kubernetes itself: nobody takes names there by accident. */
const PROTECTED_GROUP = /(^|\.)(k8s|kubernetes)\.io$/;
const APPROVAL = 'api-approved.kubernetes.io';
const SCOPES = ['Cluster', 'Namespaced'];

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
  } else if (conversion?.webhook !== undefined) {
    errors.push(forbidden('spec.conversion.webhook', 'should not be set when strategy is not set to Webhook'));
  }
  validateVersions(versions, errors);
}

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  old: CustomResourceDefinition,
  errors: Errors,
): void {
  // What was stored by an earlier version, which took more, can go on as it is.
  if (!sameValue(definition.spec, old.spec)) validateDefinition(definition, errors);
  const established = old.status?.conditions?.find(({ type }) => type === 'Established')?.status === 'True';
  checkImmutable(definition.spec.group, old.spec.group, 'spec.group', errors);
  checkImmutable(definition.spec.names.plural, old.spec.names.plural, 'spec.names.plural', errors);
  if (established) {
    checkImmutable(definition.spec.scope, old.spec.scope, 'spec.scope', errors);
    checkImmutable(definition.spec.names.kind, old.spec.names.kind, 'spec.names.kind', errors);
  }
  validateStoredVersions(definition, errors);
}

/** Which versions objects may still be kept in; after a migration somebody takes the others out. */
export function validateStoredVersions({ spec, status }: CustomResourceDefinition, errors: Errors): void {
  const field = 'status.storedVersions';
  const stored = status?.storedVersions ?? [];
  if (stored.length === 0) errors.push(invalidValue(field, stored, 'must have at least one stored version'));
  for (const { name, storage } of spec.versions) {
    if (storage && !stored.includes(name)) {
      errors.push(invalidValue(field, stored, `must have the storage version ${name}`));
    }
  }
  for (const [index, name] of stored.entries()) {
    if (spec.versions.some((version) => version.name === name)) continue;
    errors.push(invalidValue(`${field}[${index}]`, name, 'must appear in spec.versions'));
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
      validateStructure(schema, `${at}.schema.openAPIV3Schema`, errors);
      checkRules(schema, `${at}.schema.openAPIV3Schema`, errors);
    }
    if (version.deprecationWarning !== undefined && version.deprecated !== true) {
      const why = 'can only be set for deprecated versions';
      errors.push(invalidValue(`${at}.deprecationWarning`, version.deprecationWarning, why));
    }
    validateColumns(version, at, errors);
    validateSelectableFields(version, at, errors);
    const scale = version.subresources?.scale;
    if (scale === undefined) continue;
    validatePath(scale.specReplicasPath, `${at}.subresources.scale.specReplicasPath`, errors, '.spec.');
    validatePath(scale.statusReplicasPath, `${at}.subresources.scale.statusReplicasPath`, errors, '.status.');
    if (scale.labelSelectorPath !== undefined && scale.labelSelectorPath !== '') {
      const field = `${at}.subresources.scale.labelSelectorPath`;
      const start = scale.labelSelectorPath.startsWith('.spec.') ? '.spec.' : '.status.';
      validatePath(scale.labelSelectorPath, field, errors, start);
    }
  }
  if (versions.filter(({ storage }) => storage).length !== 1) {
    errors.push(invalidValue('spec.versions', versions, 'must have exactly one version marked as storage version'));
  }
}

const COLUMN_TYPES = ['boolean', 'date', 'integer', 'number', 'string'];
const COLUMN_FORMATS = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function validateColumns(version: CustomResourceDefinitionVersion, at: string, errors: Errors): void {
  for (const [index, { jsonPath, name, type, format = '' }] of (version.additionalPrinterColumns ?? []).entries()) {
    const column = `${at}.additionalPrinterColumns[${index}]`;
    if (name === '') errors.push(required(`${column}.name`));
    const types = `must be one of ${COLUMN_TYPES.join(',')}`;
    if (type === '') errors.push(required(`${column}.type`, types));
    else if (!COLUMN_TYPES.includes(type)) errors.push(invalidValue(`${column}.type`, type, types));
    if (format !== '' && !COLUMN_FORMATS.includes(format)) {
      errors.push(invalidValue(`${column}.format`, format, `must be one of ${COLUMN_FORMATS.join(',')}`));
    }
    validatePath(jsonPath, `${column}.jsonPath`, errors);
  }
}

const MOST_SELECTABLE = 8;
const SELECTABLE_TYPES = ['boolean', 'integer', 'string'];

function validateSelectableFields(
  { selectableFields = [], schema }: CustomResourceDefinitionVersion,
  at: string,
  errors: Errors,
): void {
  if (selectableFields.length > MOST_SELECTABLE) {
    errors.push(tooMany(`${at}.selectableFields`, selectableFields.length, MOST_SELECTABLE));
  }
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of selectableFields.entries()) {
    const field = `${at}.selectableFields[${index}].jsonPath`;
    const members = validatePath(jsonPath, field, errors, '.');
    if (seen.has(jsonPath)) errors.push(duplicate(field, jsonPath));
    seen.add(jsonPath);
    if (members === undefined) continue;
    const place = members.reduce<JSONSchemaProps | undefined>(
      (around, name) => around && memberSchema(around, name),
      schema?.openAPIV3Schema,
    );
    if (members[0] === 'metadata') errors.push(invalidValue(field, jsonPath, 'must not point to fields in metadata'));
    else if (!SELECTABLE_TYPES.includes(place?.type ?? '')) {
      const why = 'must point to a field of type boolean, integer or string; enum string fields are also allowed';
      errors.push(invalidValue(field, jsonPath, why));
    }
  }
}

/** `start`: a path through members only, which begins so. The members, if that is what it is. */
function validatePath(text: string, field: string, errors: Errors, start?: string): readonly string[] | undefined {
  if (text === '') {
    errors.push(required(field));
    return undefined;
  }
  try {
    const { members } = parseJsonPath(text);
    if (start === undefined) return members;
    if (members === undefined) errors.push(invalidValue(field, text, 'should be a simple json path without array'));
    else if (!text.startsWith(start)) errors.push(invalidValue(field, text, `should be a json path under ${start}`));
    return members;
  } catch (error) {
    if (!(error instanceof JsonPathSyntaxError)) throw error;
    errors.push(invalidValue(field, text, error.message));
    return undefined;
  }
}
