import type { PodSpec, WindowsSecurityContextOptions } from '../../api/generated/types.ts';
import { checkDnsSubdomain } from '../../api/names.ts';
import { checkName, checkRequiredOneOf } from './checks.ts';
import { type Errors, forbidden, invalidValue } from './field-errors.ts';

const MAX_CREDENTIAL_SPEC_KIB = 64;
const MAX_DOMAIN = 255;
const MAX_USER = 104;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROL = /[\u0000-\u001f\u007f]/;
const NETBIOS_NAME = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DNS_DOMAIN = /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$/;
const USER = /^[^"/\\:;|=,+*?<>@[\]]+$/;
const DOTS_AND_SPACES = /^[. ]+$/;

/** V1: what a pod says of Windows; as in Kubernetes, also where it runs on something else. */
export function validateWindowsOptions(options: WindowsSecurityContextOptions, field: string, errors: Errors): void {
  const { gmsaCredentialSpecName, gmsaCredentialSpec, runAsUserName } = options;
  if (gmsaCredentialSpecName !== undefined) {
    checkName(gmsaCredentialSpecName, checkDnsSubdomain, `${field}.gmsaCredentialSpecName`, errors);
  }
  if (gmsaCredentialSpec !== undefined) {
    const at = `${field}.gmsaCredentialSpec`;
    if (gmsaCredentialSpec === '') {
      errors.push(invalidValue(at, gmsaCredentialSpec, 'gmsaCredentialSpec cannot be an empty string'));
    } else if (Buffer.byteLength(gmsaCredentialSpec) > MAX_CREDENTIAL_SPEC_KIB * 1024) {
      const detail = `gmsaCredentialSpec size must be under ${MAX_CREDENTIAL_SPEC_KIB} KiB`;
      errors.push(invalidValue(at, gmsaCredentialSpec, detail));
    }
  }
  if (runAsUserName === undefined) return;
  for (const detail of userNameTroubles(runAsUserName)) {
    errors.push(invalidValue(`${field}.runAsUserName`, runAsUserName, detail));
  }
}

/** What is wrong with `user` or `domain\user`. */
function userNameTroubles(name: string): readonly string[] {
  if (name === '') return ['runAsUserName cannot be an empty string'];
  const troubles: string[] = [];
  if (CONTROL.test(name)) troubles.push('runAsUserName cannot contain control characters');
  const [first = '', second, ...more] = name.split('\\');
  if (more.length > 0) return [...troubles, 'runAsUserName cannot contain more than one backslash'];
  const [domain, user] = second === undefined ? [undefined, first] : [first, second];
  if (domain !== undefined && (domain === '' || domain.length > MAX_DOMAIN)) {
    troubles.push(
      `runAsUserName's Domain length must be at least 1 and at most ${MAX_DOMAIN} characters when a backslash is used`,
    );
  }
  if (domain !== undefined && domain !== '' && !NETBIOS_NAME.test(domain) && !DNS_DOMAIN.test(domain)) {
    troubles.push("runAsUserName's Domain doesn't match the NetBios nor the DNS format");
  }
  if (user === '') troubles.push("runAsUserName's User cannot be empty");
  else if (user.length > MAX_USER) {
    troubles.push(`runAsUserName's User length must not be longer than ${MAX_USER} characters`);
  }
  if (DOTS_AND_SPACES.test(user)) troubles.push("runAsUserName's User cannot contain only periods or spaces");
  if (user !== '' && !USER.test(user)) {
    troubles.push('runAsUserName\'s User cannot contain the following characters: "/\\:;|=,+*?<>@[]');
  }
  return troubles;
}

/** V1: the system a pod is for, and what of its security it therefore may not set. */
export function validateOs(spec: PodSpec, field: string, errors: Errors): void {
  validateHostProcess(spec, field, errors);
  if (spec.os === undefined) return;
  checkRequiredOneOf(spec.os.name, ['linux', 'windows'], `${field}.os.name`, errors);
  const isWindows = spec.os.name === 'windows';
  if (!isWindows && spec.os.name !== 'linux') return;
  const detail = `cannot be set for a ${isWindows ? 'windows' : 'linux'} pod`;
  const forbid = (object: object | undefined, keys: readonly string[], at: string, text: string): void => {
    for (const key of keys) {
      const value: unknown = object && Reflect.get(object, key);
      // A list of nothing is as good as none.
      if (value !== undefined && !(Array.isArray(value) && value.length === 0)) {
        errors.push(forbidden(`${at}.${key}`, text));
      }
    }
  };
  const at = `${field}.securityContext`;
  if (isWindows) {
    if (spec.hostPID === true) errors.push(forbidden(`${field}.hostPID`, detail));
    if (spec.hostIPC === true) errors.push(forbidden(`${field}.hostIPC`, detail));
    forbid(spec, ['hostUsers', 'shareProcessNamespace'], field, detail);
    forbid(spec.securityContext, LINUX_POD_FIELDS, at, detail);
  } else forbid(spec.securityContext, ['windowsOptions'], at, `windows options ${detail}`);
  for (const kind of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    for (const [index, { securityContext }] of (spec[kind] ?? []).entries()) {
      const inContainer = `${field}.${kind}[${index}].securityContext`;
      if (isWindows) forbid(securityContext, LINUX_CONTAINER_FIELDS, inContainer, detail);
      else forbid(securityContext, ['windowsOptions'], inContainer, `windows options ${detail}`);
    }
  }
}

const LINUX_FIELDS = ['appArmorProfile', 'seLinuxOptions', 'seccompProfile', 'runAsUser', 'runAsGroup'];
const LINUX_POD_FIELDS = [
  ...LINUX_FIELDS,
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'supplementalGroups',
  'supplementalGroupsPolicy',
];
const LINUX_CONTAINER_FIELDS = [
  ...LINUX_FIELDS,
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
];

/** Of a pod whose containers are processes of the host all are, and it has the host's network. */
function validateHostProcess(spec: PodSpec, field: string, errors: Errors): void {
  const ofPod = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = [...(spec.initContainers ?? []), ...(spec.containers ?? []), ...(spec.ephemeralContainers ?? [])];
  const own = containers.map(({ securityContext }) => securityContext?.windowsOptions?.hostProcess);
  const isHostProcess = own.map((value) => value ?? ofPod ?? false);
  if (ofPod !== undefined && own.some((value) => value !== undefined && value !== ofPod)) {
    errors.push(
      invalidValue(
        `${field}.containers`,
        '',
        `pod hostProcess value must be identical if both are specified, was ${ofPod}`,
      ),
    );
  }
  if (!isHostProcess.some(Boolean)) return;
  if (!isHostProcess.every(Boolean)) {
    errors.push(
      invalidValue(
        field,
        '',
        'If pod contains any hostProcess containers then all containers must be HostProcess containers',
      ),
    );
  }
  if (spec.hostNetwork !== true) {
    errors.push(
      invalidValue(
        `${field}.hostNetwork`,
        spec.hostNetwork ?? false,
        'hostNetwork must be true if pod contains any hostProcess containers',
      ),
    );
  }
}
