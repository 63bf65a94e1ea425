import type {
  Container,
  ContainerPort,
  Lifecycle,
  LifecycleHandler,
  Probe,
  VolumeMount,
} from '../../api/generated/types.ts';
import { checkDnsLabel } from '../../api/names.ts';
import {
  checkDescendingPath,
  checkIpAddress,
  checkName,
  checkNonNegative,
  checkOneOf,
  checkPortName,
  checkPortNumber,
  checkPortOrName,
  checkPositive,
  checkRequiredOneOf,
} from './checks.ts';
import { validateEnv, validateEnvFrom } from './env-validation.ts';
import { duplicate, type Errors, forbidden, invalidValue, required, unknownReference } from './field-errors.ts';
import { validateResources } from './resource-validation.ts';
import { validateContainerSecurity } from './security-validation.ts';

const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['FallbackToLogsOnError', 'File'];

/** Lists of containers that many pods share and that are right, with the volumes they may refer to. */
const valid = new WeakMap<readonly Container[], string>();

/** `volumes`: the names of those that their pod has. */
export function validateContainers(
  containers: readonly Container[],
  volumes: ReadonlySet<string>,
  field: string,
  errors: Errors,
): void {
  const within = [...volumes].join(' ');
  if (valid.get(containers) === within) return;
  const errorsBefore = errors.length;
  checkContainers(containers, volumes, field, errors);
  if (errors.length === errorsBefore && Object.isFrozen(containers)) valid.set(containers, within);
}

function checkContainers(
  containers: readonly Container[],
  volumes: ReadonlySet<string>,
  field: string,
  errors: Errors,
): void {
  if (containers.length === 0) errors.push(required(field));
  const names = new Set<string>();
  for (const [index, container] of containers.entries()) {
    const at = `${field}[${index}]`;
    validateContainer(container, volumes, at, errors);
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    checkOneOf(container.restartPolicy, ['Always', 'Never', 'OnFailure'], `${at}.restartPolicy`, errors);
    validateLifecycle(container.lifecycle, `${at}.lifecycle`, errors);
    validateProbes(container, at, errors);
  }
  validateHostPorts(containers, field, errors);
}

/** Init containers run to their end, in order; one with `restartPolicy: Always` is a sidecar and goes on. */
export function validateInitContainers(
  containers: readonly Container[],
  others: readonly Container[],
  volumes: ReadonlySet<string>,
  field: string,
  errors: Errors,
): void {
  const names = new Set(others.map((container) => container.name));
  for (const [index, container] of containers.entries()) {
    const at = `${field}[${index}]`;
    validateContainer(container, volumes, at, errors);
    if (names.has(container.name)) errors.push(duplicate(`${at}.name`, container.name));
    names.add(container.name);
    checkOneOf(container.restartPolicy, ['Always', 'Never', 'OnFailure'], `${at}.restartPolicy`, errors);
    if (container.restartPolicy === 'Always') {
      validateLifecycle(container.lifecycle, `${at}.lifecycle`, errors);
      validateProbes(container, at, errors);
      continue;
    }
    for (const part of ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const) {
      if (container[part] !== undefined) {
        errors.push(forbidden(`${at}.${part}`, 'may not be set for init containers without restartPolicy=Always'));
      }
    }
  }
}

function validateContainer(container: Container, volumes: ReadonlySet<string>, field: string, errors: Errors): void {
  if (container.name === undefined || container.name === '') errors.push(required(`${field}.name`));
  else checkName(container.name, checkDnsLabel, `${field}.name`, errors);
  const image = container.image ?? '';
  if (image === '') errors.push(required(`${field}.image`));
  else if (image.trim() !== image) {
    errors.push(invalidValue(`${field}.image`, image, 'must not have leading or trailing whitespace'));
  }
  checkRequiredOneOf(container.terminationMessagePolicy, MESSAGE_POLICIES, `${field}.terminationMessagePolicy`, errors);
  checkRequiredOneOf(container.imagePullPolicy, PULL_POLICIES, `${field}.imagePullPolicy`, errors);
  if (container.ports !== undefined) validatePorts(container.ports, `${field}.ports`, errors);
  if (container.env !== undefined) validateEnv(container.env, `${field}.env`, errors);
  if (container.envFrom !== undefined) validateEnvFrom(container.envFrom, `${field}.envFrom`, errors);
  validateVolumeMounts(container, volumes, field, errors);
  if (container.resources !== undefined) validateResources(container.resources, `${field}.resources`, errors);
  if (container.securityContext !== undefined) {
    validateContainerSecurity(container.securityContext, `${field}.securityContext`, errors);
  }
}

function validatePorts(ports: readonly ContainerPort[], field: string, errors: Errors): void {
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `${field}[${index}]`;
    const { name = '', containerPort, hostPort = 0 } = port;
    if (name !== '') {
      checkName(name, checkPortName, `${at}.name`, errors);
      if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
      names.add(name);
    }
    if (containerPort === undefined || containerPort === 0) errors.push(required(`${at}.containerPort`));
    else checkPortNumber(containerPort, `${at}.containerPort`, errors);
    if (hostPort !== 0) checkPortNumber(hostPort, `${at}.hostPort`, errors);
    if (port.hostIP !== undefined && port.hostIP !== '') checkIpAddress(port.hostIP, `${at}.hostIP`, errors);
    checkRequiredOneOf(port.protocol, ['SCTP', 'TCP', 'UDP'], `${at}.protocol`, errors);
  }
}

/** In the host's network a container's port is the host's. A template may leave that one open: its pods get it. */
export function validateHostNetworkPorts(
  containers: readonly Container[],
  isPod: boolean,
  field: string,
  errors: Errors,
): void {
  for (const [containerIndex, { ports = [] }] of containers.entries()) {
    for (const [index, { containerPort, hostPort = 0 }] of ports.entries()) {
      if (hostPort === containerPort || (hostPort === 0 && !isPod)) continue;
      const at = `${field}[${containerIndex}].ports[${index}].hostPort`;
      errors.push(invalidValue(at, hostPort, 'must match `containerPort` when `hostNetwork` is true'));
    }
  }
}

/** Two containers of a pod cannot have the same port of the host. */
function validateHostPorts(containers: readonly Container[], field: string, errors: Errors): void {
  const taken = new Set<string>();
  for (const [containerIndex, container] of containers.entries()) {
    for (const [index, port] of (container.ports ?? []).entries()) {
      if (port.hostPort === undefined || port.hostPort === 0) continue;
      const key = `${port.protocol ?? 'TCP'}/${port.hostIP ?? ''}/${port.hostPort}`;
      if (taken.has(key)) errors.push(duplicate(`${field}[${containerIndex}].ports[${index}].hostPort`, key));
      taken.add(key);
    }
  }
}

function validateVolumeMounts(container: Container, volumes: ReadonlySet<string>, field: string, errors: Errors): void {
  const { volumeMounts = [], volumeDevices = [] } = container;
  const paths = new Set<string>();
  const devices = new Set(volumeDevices.map((device) => device.devicePath));
  for (const [index, mount] of volumeMounts.entries()) {
    const at = `${field}.volumeMounts[${index}]`;
    validateVolumeReference(mount.name, volumes, `${at}.name`, errors);
    if (mount.mountPath === undefined || mount.mountPath === '') errors.push(required(`${at}.mountPath`));
    else if (paths.has(mount.mountPath))
      errors.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique'));
    else if (devices.has(mount.mountPath)) {
      errors.push(
        invalidValue(`${at}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'),
      );
    }
    paths.add(mount.mountPath);
    validateSubPath(mount, at, errors);
    checkOneOf(mount.mountPropagation, ['Bidirectional', 'HostToContainer', 'None'], `${at}.mountPropagation`, errors);
    if (mount.mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
      errors.push(
        forbidden(
          `${at}.mountPropagation`,
          'Bidirectional mount propagation is available only to privileged containers',
        ),
      );
    }
    checkOneOf(mount.recursiveReadOnly, ['Disabled', 'Enabled', 'IfPossible'], `${at}.recursiveReadOnly`, errors);
    const recursive = mount.recursiveReadOnly ?? 'Disabled';
    if (recursive !== 'Disabled' && mount.readOnly !== true) {
      errors.push(forbidden(`${at}.recursiveReadOnly`, 'may only be specified when readOnly is true'));
    }
  }
  const devicePaths = new Set<string>();
  for (const [index, device] of volumeDevices.entries()) {
    const at = `${field}.volumeDevices[${index}]`;
    validateVolumeReference(device.name, volumes, `${at}.name`, errors);
    if (device.devicePath === undefined || device.devicePath === '') errors.push(required(`${at}.devicePath`));
    else if (devicePaths.has(device.devicePath)) {
      errors.push(invalidValue(`${at}.devicePath`, device.devicePath, 'must be unique'));
    } else checkDescendingPath(device.devicePath.replace(/^\//, ''), `${at}.devicePath`, errors);
    devicePaths.add(device.devicePath);
  }
}

function validateVolumeReference(
  name: string | undefined,
  volumes: ReadonlySet<string>,
  field: string,
  errors: Errors,
): void {
  if (name === undefined || name === '') errors.push(required(field));
  else if (!volumes.has(name)) errors.push(unknownReference(field, name));
}

function validateSubPath(mount: VolumeMount, field: string, errors: Errors): void {
  const { subPath = '', subPathExpr = '' } = mount;
  if (subPath !== '') checkDescendingPath(subPath, `${field}.subPath`, errors);
  if (subPathExpr === '') return;
  if (subPath !== '') {
    errors.push(invalidValue(`${field}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'));
  }
  checkDescendingPath(subPathExpr, `${field}.subPathExpr`, errors);
}

function validateProbes(container: Container, field: string, errors: Errors): void {
  const { livenessProbe, readinessProbe, startupProbe } = container;
  if (livenessProbe !== undefined) validateProbe(livenessProbe, `${field}.livenessProbe`, errors);
  if (readinessProbe !== undefined) {
    validateProbe(readinessProbe, `${field}.readinessProbe`, errors);
    if (readinessProbe.terminationGracePeriodSeconds !== undefined) {
      errors.push(
        invalidValue(
          `${field}.readinessProbe.terminationGracePeriodSeconds`,
          readinessProbe.terminationGracePeriodSeconds,
          'must not be set for readinessProbes',
        ),
      );
    }
  }
  if (startupProbe !== undefined) validateProbe(startupProbe, `${field}.startupProbe`, errors);
  for (const [part, probe] of [
    ['livenessProbe', livenessProbe],
    ['startupProbe', startupProbe],
  ] as const) {
    if (probe !== undefined && (probe.successThreshold ?? 1) !== 1) {
      errors.push(invalidValue(`${field}.${part}.successThreshold`, probe.successThreshold, 'must be 1'));
    }
  }
}

function validateProbe(probe: Probe, field: string, errors: Errors): void {
  validateHandler(probe, PROBE_HANDLERS, field, errors);
  checkNonNegative(probe.initialDelaySeconds, `${field}.initialDelaySeconds`, errors);
  checkNonNegative(probe.timeoutSeconds, `${field}.timeoutSeconds`, errors);
  checkNonNegative(probe.periodSeconds, `${field}.periodSeconds`, errors);
  checkNonNegative(probe.successThreshold, `${field}.successThreshold`, errors);
  checkNonNegative(probe.failureThreshold, `${field}.failureThreshold`, errors);
  checkPositive(probe.terminationGracePeriodSeconds, `${field}.terminationGracePeriodSeconds`, errors);
}

function validateLifecycle(lifecycle: Lifecycle | undefined, field: string, errors: Errors): void {
  if (lifecycle === undefined) return;
  if (lifecycle.postStart !== undefined)
    validateHandler(lifecycle.postStart, HOOK_HANDLERS, `${field}.postStart`, errors);
  if (lifecycle.preStop !== undefined) validateHandler(lifecycle.preStop, HOOK_HANDLERS, `${field}.preStop`, errors);
}

type Handler = Pick<Probe, 'exec' | 'httpGet' | 'tcpSocket' | 'grpc'> & Pick<LifecycleHandler, 'sleep'>;

const PROBE_HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'grpc'] as const;
const HOOK_HANDLERS = ['exec', 'httpGet', 'tcpSocket', 'sleep'] as const;

function validateHandler(handler: Handler, kinds: readonly (keyof Handler)[], field: string, errors: Errors): void {
  let count = 0;
  for (const kind of kinds) {
    if (handler[kind] === undefined) continue;
    if (++count > 1) errors.push(forbidden(`${field}.${kind}`, 'may not specify more than 1 handler type'));
    else validateAction(handler, kind, `${field}.${kind}`, errors);
  }
  if (count === 0) errors.push(required(field, 'must specify a handler type'));
}

function validateAction(handler: Handler, kind: keyof Handler, field: string, errors: Errors): void {
  switch (kind) {
    case 'exec':
      if ((handler.exec?.command ?? []).length === 0) errors.push(required(`${field}.command`));
      return;
    case 'httpGet': {
      const { path = '', port, scheme, httpHeaders = [] } = handler.httpGet ?? { port: 0 };
      if (path === '') errors.push(required(`${field}.path`));
      checkPortOrName(port ?? 0, `${field}.port`, errors);
      checkRequiredOneOf(scheme, ['HTTP', 'HTTPS'], `${field}.scheme`, errors);
      for (const [index, header] of httpHeaders.entries()) {
        if (!/^[-A-Za-z0-9]+$/.test(header.name ?? '')) {
          errors.push(
            invalidValue(
              `${field}.httpHeaders[${index}].name`,
              header.name,
              "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')",
            ),
          );
        }
      }
      return;
    }
    case 'tcpSocket':
      checkPortOrName(handler.tcpSocket?.port ?? 0, `${field}.port`, errors);
      return;
    case 'grpc':
      checkPortNumber(handler.grpc?.port ?? 0, `${field}.port`, errors);
      return;
    case 'sleep':
      checkNonNegative(handler.sleep?.seconds, `${field}.seconds`, errors);
      return;
  }
}
