import type { ConfigMap, Secret } from '../../api/generated/types.ts';
import { checkConfigKey, checkName } from './checks.ts';
import { type Errors, forbidden, invalidValue, required, tooLong } from './field-errors.ts';
import { checkImmutable } from './metadata-validation.ts';
import { semanticEqual } from './semantic-equal.ts';

/** As much as a config map or a secret may hold. */
const MAX_BYTES = 1024 * 1024;

export function validateConfigMap(map: ConfigMap, errors: Errors): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(map.data ?? {})) {
    checkName(key, checkConfigKey, `data[${key}]`, errors);
    if (map.binaryData !== undefined && Object.hasOwn(map.binaryData, key)) {
      errors.push(invalidValue(`data[${key}]`, key, 'duplicate of key present in binaryData'));
    }
    bytes += Buffer.byteLength(value);
  }
  for (const [key, value] of Object.entries(map.binaryData ?? {})) {
    checkName(key, checkConfigKey, `binaryData[${key}]`, errors);
    bytes += decodedLength(value);
  }
  if (bytes > MAX_BYTES) errors.push(tooLong('', MAX_BYTES));
}

const FROZEN_RULE = 'field is immutable when `immutable` is set';

export function validateConfigMapUpdate(map: ConfigMap, old: ConfigMap, errors: Errors): void {
  validateConfigMap(map, errors);
  if (old.immutable !== true) return;
  if (map.immutable !== true) errors.push(forbidden('immutable', FROZEN_RULE));
  for (const part of ['data', 'binaryData'] as const) {
    if (!semanticEqual(map[part], old[part])) errors.push(forbidden(part, FROZEN_RULE));
  }
}

export function validateSecret(secret: Secret, errors: Errors): void {
  const data = secret.data ?? {};
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    checkName(key, checkConfigKey, `data[${key}]`, errors);
    bytes += decodedLength(value);
  }
  if (bytes > MAX_BYTES) errors.push(tooLong('data', MAX_BYTES));
  const need = (...keys: readonly string[]): void => {
    for (const key of keys) if (!Object.hasOwn(data, key)) errors.push(required(`data[${key}]`));
  };
  switch (secret.type) {
    case 'kubernetes.io/service-account-token':
      if ((secret.metadata.annotations?.['kubernetes.io/service-account.name'] ?? '') === '') {
        errors.push(required('metadata.annotations[kubernetes.io/service-account.name]'));
      }
      return;
    case 'kubernetes.io/dockercfg':
      need('.dockercfg');
      return;
    case 'kubernetes.io/dockerconfigjson':
      need('.dockerconfigjson');
      return;
    case 'kubernetes.io/basic-auth':
      if (!Object.hasOwn(data, 'username') && !Object.hasOwn(data, 'password')) need('username', 'password');
      return;
    case 'kubernetes.io/ssh-auth':
      need('ssh-privatekey');
      return;
    case 'kubernetes.io/tls':
      need('tls.crt', 'tls.key');
      return;
    default:
      return;
  }
}

export function validateSecretUpdate(secret: Secret, old: Secret, errors: Errors): void {
  validateSecret(secret, errors);
  checkImmutable(secret.type, old.type, 'type', errors);
  if (old.immutable !== true) return;
  if (secret.immutable !== true) errors.push(forbidden('immutable', FROZEN_RULE));
  if (!semanticEqual(secret.data, old.data)) errors.push(forbidden('data', FROZEN_RULE));
}

function decodedLength(base64: string): number {
  return Buffer.byteLength(base64, 'base64');
}
