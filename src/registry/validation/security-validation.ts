import type { PodSecurityContext, SeccompProfile, SecurityContext } from '../../api/generated/types.ts';
import { checkInRange, checkOneOf, checkRequiredOneOf, checkUnique } from './checks.ts';
import { type Errors, invalidValue, required } from './field-errors.ts';
import { validateWindowsOptions } from './windows-validation.ts';

/** The largest user or group number. */
const MAX_ID = 2 ** 31 - 1;

export function validateContainerSecurity(context: SecurityContext, field: string, errors: Errors): void {
  validateIds(context, ['runAsUser', 'runAsGroup'], field, errors);
  validateSeccomp(context.seccompProfile, `${field}.seccompProfile`, errors);
  if (context.windowsOptions !== undefined) {
    validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`, errors);
  }
  checkOneOf(context.procMount, ['Default', 'Unmasked'], `${field}.procMount`, errors);
  if (context.allowPrivilegeEscalation !== false) return;
  if (context.privileged === true) {
    errors.push(
      invalidValue(field, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true'),
    );
  }
  if (context.capabilities?.add?.some((capability) => capability === 'CAP_SYS_ADMIN')) {
    errors.push(
      invalidValue(
        field,
        context,
        'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN',
      ),
    );
  }
}

const SYSCTL = /^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/;

export function validatePodSecurity(context: PodSecurityContext, field: string, errors: Errors): void {
  validateIds(context, ['runAsUser', 'runAsGroup', 'fsGroup'], field, errors);
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) {
    checkInRange(group, 0, MAX_ID, `${field}.supplementalGroups[${index}]`, errors);
  }
  checkOneOf(context.fsGroupChangePolicy, ['Always', 'OnRootMismatch'], `${field}.fsGroupChangePolicy`, errors);
  checkOneOf(context.supplementalGroupsPolicy, ['Merge', 'Strict'], `${field}.supplementalGroupsPolicy`, errors);
  validateSeccomp(context.seccompProfile, `${field}.seccompProfile`, errors);
  if (context.windowsOptions !== undefined) {
    validateWindowsOptions(context.windowsOptions, `${field}.windowsOptions`, errors);
  }
  const sysctls = context.sysctls ?? [];
  for (const [index, { name }] of sysctls.entries()) {
    const at = `${field}.sysctls[${index}].name`;
    if (name === undefined || name === '') errors.push(required(at));
    else if (name.length > 253 || !SYSCTL.test(name)) {
      errors.push(invalidValue(at, name, `must have at most 253 characters and match regex ${SYSCTL.source}`));
    }
  }
  checkUnique(
    sysctls,
    (sysctl) => sysctl.name,
    (index) => `${field}.sysctls[${index}].name`,
    errors,
  );
}

function validateIds<K extends string>(
  context: { readonly [key in K]?: number },
  keys: readonly K[],
  field: string,
  errors: Errors,
): void {
  for (const key of keys) {
    const id = context[key];
    if (id !== undefined) checkInRange(id, 0, MAX_ID, `${field}.${key}`, errors);
  }
}

function validateSeccomp(profile: SeccompProfile | undefined, field: string, errors: Errors): void {
  if (profile === undefined) return;
  checkRequiredOneOf(profile.type, ['Localhost', 'RuntimeDefault', 'Unconfined'], `${field}.type`, errors);
  if (profile.type === 'Localhost' && (profile.localhostProfile ?? '') === '') {
    errors.push(required(`${field}.localhostProfile`, 'must be set when seccomp type is Localhost'));
  }
  if (profile.type !== 'Localhost' && profile.localhostProfile !== undefined) {
    errors.push(invalidValue(`${field}.localhostProfile`, profile, 'can only be set when seccomp type is Localhost'));
  }
}
