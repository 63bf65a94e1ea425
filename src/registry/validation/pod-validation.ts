import type { Container, Pod, PodSpec, PodTemplateSpec } from '../../api/generated/types.ts';
import { checkDnsLabel, checkDnsSubdomain, checkQualifiedName } from '../../api/names.ts';
import { checkInRange, checkIpAddress, checkName, checkRequiredOneOf, checkUnique } from './checks.ts';
import { validateContainers, validateHostNetworkPorts, validateInitContainers } from './container-validation.ts';
import { type Errors, forbidden, invalidValue, required } from './field-errors.ts';
import { checkImmutable, validateAnnotations, validateLabels } from './metadata-validation.ts';
import { validateVolumes } from './pod-volume-validation.ts';
import { validatePodResources, validateResourceList } from './resource-validation.ts';
import { validateAffinity, validateTolerations, validateTopologySpread } from './scheduling-validation.ts';
import { validatePodSecurity } from './security-validation.ts';
import { semanticEqual } from './semantic-equal.ts';
import { validateClaimSpec } from './volume-validation.ts';
import { validateOs } from './windows-validation.ts';

const MAX_INT32 = 2 ** 31 - 1;
const RESTART_POLICIES = ['Always', 'Never', 'OnFailure'];
const MAX_SEARCH_LIST = 2048;
const DNS_POLICIES = ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'];

export interface PodContext {
  /** A pod itself, and not what pods are made after. */
  readonly isPod?: boolean;
  /** Volumes that the pods will have besides those of the spec: a set's claims. */
  readonly moreVolumes?: ReadonlySet<string>;
}

function validatePodSpec(spec: PodSpec, field: string, errors: Errors, context: PodContext = {}): void {
  const own = validateVolumes(
    spec.volumes,
    `${field}.volumes`,
    (template, at, found) => validateClaimSpec(template.spec, at, found),
    errors,
  );
  const volumes = context.moreVolumes === undefined ? own : new Set([...own, ...context.moreVolumes]);
  const containers: readonly Container[] = spec.containers ?? [];
  validateContainers(containers, volumes, `${field}.containers`, errors);
  if (spec.hostNetwork === true) {
    validateHostNetworkPorts(containers, context.isPod === true, `${field}.containers`, errors);
  }
  if (spec.initContainers !== undefined) {
    validateInitContainers(spec.initContainers, containers, volumes, `${field}.initContainers`, errors);
  }
  checkRequiredOneOf(spec.restartPolicy, RESTART_POLICIES, `${field}.restartPolicy`, errors);
  validateDns(spec, field, errors);
  if (spec.nodeSelector !== undefined) validateLabels(spec.nodeSelector, `${field}.nodeSelector`, errors);
  if (spec.securityContext !== undefined) validatePodSecurity(spec.securityContext, `${field}.securityContext`, errors);
  validateOs(spec, field, errors);
  if (spec.hostPID === true && spec.shareProcessNamespace === true) {
    errors.push(
      invalidValue(
        `${field}.securityContext.shareProcessNamespace`,
        true,
        'ShareProcessNamespace and HostPID cannot both be enabled',
      ),
    );
  }
  for (const [index, secret] of (spec.imagePullSecrets ?? []).entries()) {
    if ((secret.name ?? '') === '') errors.push(required(`${field}.imagePullSecrets[${index}].name`));
  }
  if (spec.affinity !== undefined) validateAffinity(spec.affinity, `${field}.affinity`, errors);
  if (spec.tolerations !== undefined) validateTolerations(spec.tolerations, `${field}.tolerations`, errors);
  if (spec.topologySpreadConstraints !== undefined) {
    validateTopologySpread(spec.topologySpreadConstraints, `${field}.topologySpreadConstraints`, errors);
  }
  validateGates(spec, field, errors);
  validateNames(spec, field, errors);
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    checkIpAddress(alias.ip, `${field}.hostAliases[${index}].ip`, errors);
    for (const hostname of alias.hostnames ?? []) {
      checkName(hostname, checkDnsSubdomain, `${field}.hostAliases[${index}].hostnames`, errors);
    }
  }
  if (spec.activeDeadlineSeconds !== undefined) {
    checkInRange(spec.activeDeadlineSeconds, 1, MAX_INT32, `${field}.activeDeadlineSeconds`, errors);
  }
  const grace = spec.terminationGracePeriodSeconds;
  if (grace !== undefined && grace < 0) {
    errors.push(invalidValue(`${field}.terminationGracePeriodSeconds`, grace, 'must be greater than or equal to 0'));
  }
  if (spec.resources !== undefined) validatePodResources(spec.resources, `${field}.resources`, errors);
  validateResourceList(spec.overhead, `${field}.overhead`, errors);
}

function validateNames(spec: PodSpec, field: string, errors: Errors): void {
  for (const [key, check] of [
    ['serviceAccountName', checkDnsSubdomain],
    ['nodeName', checkDnsSubdomain],
    ['hostname', checkDnsLabel],
    ['subdomain', checkDnsLabel],
    ['priorityClassName', checkDnsSubdomain],
    ['runtimeClassName', checkDnsSubdomain],
  ] as const) {
    const value = spec[key];
    if (value !== undefined && value !== '') checkName(value, check, `${field}.${key}`, errors);
  }
}

function validateGates(spec: PodSpec, field: string, errors: Errors): void {
  for (const [index, { conditionType }] of (spec.readinessGates ?? []).entries()) {
    checkName(conditionType ?? '', checkQualifiedName, `${field}.readinessGates[${index}].conditionType`, errors);
  }
  const gates = spec.schedulingGates ?? [];
  for (const [index, { name }] of gates.entries()) {
    checkName(name ?? '', checkQualifiedName, `${field}.schedulingGates[${index}]`, errors);
  }
  checkUnique(
    gates,
    (gate) => gate.name,
    (index) => `${field}.schedulingGates[${index}]`,
    errors,
  );
  if (gates.length > 0 && (spec.nodeName ?? '') !== '') {
    errors.push(forbidden(`${field}.nodeName`, 'cannot be set until all schedulingGates have been cleared'));
  }
}

function validateDns(spec: PodSpec, field: string, errors: Errors): void {
  checkRequiredOneOf(spec.dnsPolicy, DNS_POLICIES, `${field}.dnsPolicy`, errors);
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None') {
    if (config === undefined) {
      errors.push(required(`${field}.dnsConfig`, 'must provide `dnsConfig` when `dnsPolicy` is None'));
    } else if ((config.nameservers ?? []).length === 0) {
      errors.push(
        required(`${field}.dnsConfig.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
      );
    }
  }
  if (config === undefined) return;
  const { nameservers = [], searches = [], options = [] } = config;
  if (nameservers.length > 3) {
    errors.push(invalidValue(`${field}.dnsConfig.nameservers`, nameservers, 'must not have more than 3 nameservers'));
  }
  for (const [index, address] of nameservers.entries()) {
    checkIpAddress(address, `${field}.dnsConfig.nameservers[${index}]`, errors);
  }
  if (searches.length > 32) {
    errors.push(invalidValue(`${field}.dnsConfig.searches`, searches, 'must not have more than 32 search paths'));
  }
  if (searches.join(' ').length > MAX_SEARCH_LIST) {
    const detail = `must not have more than ${MAX_SEARCH_LIST} characters (including spaces) in the search list`;
    errors.push(invalidValue(`${field}.dnsConfig.searches`, searches, detail));
  }
  for (const [index, search] of searches.entries()) {
    const name = search.replace(/\.$/, '');
    if (search !== '.') checkName(name, checkDnsSubdomain, `${field}.dnsConfig.searches[${index}]`, errors);
  }
  for (const [index, option] of options.entries()) {
    if ((option.name ?? '') === '') errors.push(required(`${field}.dnsConfig.options[${index}]`, 'must not be empty'));
  }
}

export function validatePodTemplate(
  template: PodTemplateSpec | undefined,
  field: string,
  errors: Errors,
  context: PodContext = {},
): void {
  if (template === undefined) {
    errors.push(required(field));
    return;
  }
  validateLabels(template.metadata?.labels, `${field}.labels`, errors);
  validateAnnotations(template.metadata?.annotations, `${field}.annotations`, errors);
  validatePodSpec(template.spec ?? { containers: [] }, `${field}.spec`, errors, context);
  if ((template.spec?.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden(`${field}.spec.ephemeralContainers`, 'ephemeral containers not allowed in pod template'));
  }
}

export function validatePod(pod: Pod, errors: Errors): void {
  validatePodSpec(pod.spec, 'spec', errors, { isPod: true });
  if ((pod.spec?.ephemeralContainers ?? []).length > 0) {
    errors.push(forbidden('spec.ephemeralContainers', 'cannot be set on create'));
  }
}

/** What a node says of a pod. */
export function validatePodStatus({ status }: Pod, old: Pod, errors: Errors): void {
  checkImmutable(status?.qosClass, old.status?.qosClass, 'status.qosClass', errors);
  for (const list of ['podIPs', 'hostIPs'] as const) {
    if (status?.[list] === old.status?.[list]) continue;
    for (const [index, { ip }] of (status?.[list] ?? []).entries()) {
      checkIpAddress(ip, `status.${list}[${index}].ip`, errors);
    }
  }
  const { nominatedNodeName = '' } = status ?? {};
  if (nominatedNodeName !== '') checkName(nominatedNodeName, checkDnsSubdomain, 'status.nominatedNodeName', errors);
}

const POD_UPDATE_RULE =
  'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)';

/** Of a pod that exists only the images, the deadline and a few scheduling fields may change. */
export function validatePodUpdate(pod: Pod, old: Pod, errors: Errors): void {
  if (pod.spec === old.spec) return;
  const { spec } = pod;
  const before = old.spec;
  for (const part of ['containers', 'initContainers'] as const) {
    if ((spec[part] ?? []).length !== (before[part] ?? []).length) {
      errors.push(forbidden(`spec.${part}`, 'pod updates may not add or remove containers'));
      return;
    }
  }
  validateChangedImages(spec, before, errors);
  validateDeadlineChange(spec.activeDeadlineSeconds, before.activeDeadlineSeconds, errors);
  validateGateChange(spec, before, errors);
  const tolerations = spec.tolerations ?? [];
  const kept = (before.tolerations ?? []).every((toleration) =>
    tolerations.some((candidate) =>
      semanticEqual({ ...candidate, tolerationSeconds: 0 }, { ...toleration, tolerationSeconds: 0 }),
    ),
  );
  if (tolerations !== before.tolerations) validateTolerations(tolerations, 'spec.tolerations', errors);
  const gated = (before.schedulingGates ?? []).length > 0;
  const same: PodSpec = {
    ...spec,
    containers: withImages(spec.containers, before.containers),
    ...(spec.initContainers !== undefined && {
      initContainers: withImages(spec.initContainers, before.initContainers ?? []),
    }),
    ...pick(before, ['activeDeadlineSeconds', 'schedulingGates', ...(kept ? (['tolerations'] as const) : [])]),
    // A pod that is still held back may be given a narrower choice of nodes.
    ...(gated && pick(before, ['nodeSelector', 'affinity'])),
    ...(before.terminationGracePeriodSeconds !== undefined &&
      before.terminationGracePeriodSeconds < 0 &&
      spec.terminationGracePeriodSeconds === 1 &&
      pick(before, ['terminationGracePeriodSeconds'])),
  };
  if (!semanticEqual(same, before)) errors.push(forbidden('spec', POD_UPDATE_RULE));
}

/** These fields, undefined where there are none. */
function pick<K extends keyof PodSpec>(spec: PodSpec, keys: readonly K[]): Pick<PodSpec, K> {
  return Object.fromEntries(keys.map((key) => [key, spec[key]])) as Pick<PodSpec, K>;
}

function withImages(containers: readonly Container[], before: readonly Container[]): readonly Container[] {
  return containers.map((container, index) => {
    const image = before[index]?.image;
    return image === undefined ? container : { ...container, image };
  });
}

function validateChangedImages(spec: PodSpec, before: PodSpec, errors: Errors): void {
  for (const part of ['containers', 'initContainers'] as const) {
    for (const [index, container] of (spec[part] ?? []).entries()) {
      const image = container.image ?? '';
      const field = `spec.${part}[${index}].image`;
      if (image === '' && before[part]?.[index]?.image !== undefined) errors.push(required(field));
      else if (image.trim() !== image) {
        errors.push(invalidValue(field, image, 'must not have leading or trailing whitespace'));
      }
    }
  }
}

function validateDeadlineChange(value: number | undefined, old: number | undefined, errors: Errors): void {
  const field = 'spec.activeDeadlineSeconds';
  if (value === old) return;
  if (value === undefined) {
    errors.push(invalidValue(field, value, 'must not update from a positive integer to nil value'));
  } else {
    checkInRange(value, 1, MAX_INT32, field, errors);
    if (old !== undefined && old < value) {
      errors.push(invalidValue(field, value, 'must be less than or equal to previous value'));
    }
  }
}

function validateGateChange(spec: PodSpec, before: PodSpec, errors: Errors): void {
  const known = new Set((before.schedulingGates ?? []).map((gate) => gate.name));
  for (const [index, gate] of (spec.schedulingGates ?? []).entries()) {
    if (!known.has(gate.name)) {
      errors.push(
        forbidden(
          `spec.schedulingGates[${index}].name`,
          `only deletion is allowed, but found new scheduling gate '${gate.name}'`,
        ),
      );
    }
  }
}
