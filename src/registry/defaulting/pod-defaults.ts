import type {
  Container,
  ContainerPort,
  DownwardAPIVolumeFile,
  EnvVar,
  HTTPGetAction,
  LifecycleHandler,
  Pod,
  PodSpec,
  PodTemplateSpec,
  Probe,
  ResourceRequirements,
  Volume,
  VolumeProjection,
} from '../../api/generated/types.ts';
import { fillField, fillList, withDefaults } from './set-defaults.ts';
import { defaultClaimSpec } from './volume-defaults.ts';

const SECURITY_CONTEXT = Object.freeze({});
const RESOURCES = Object.freeze({});
const EMPTY_DIR = Object.freeze({});

/** What a pod's own spec gets, besides what a template's spec gets too. */
export function defaultPod(pod: Pod): Pod {
  return fillField(pod, 'spec', (given) => {
    // A pod says whether it wants service links; a template leaves it open.
    let filled = defaultPodSpec(withDefaults(given, { enableServiceLinks: true }));
    if (filled.hostNetwork === true) {
      filled = fillList(fillList(filled, 'containers', hostPorts), 'initContainers', hostPorts);
    }
    return fillList(fillList(filled, 'containers', requestsFromLimits), 'initContainers', requestsFromLimits);
  });
}

export function defaultPodTemplate<T extends PodTemplateSpec>(template: T): T {
  return fillField(template, 'spec', (spec) => defaultPodSpec(spec as PodSpec) as NonNullable<T['spec']>);
}

function defaultPodSpec(given: PodSpec): PodSpec {
  let spec = withDefaults(given, {
    dnsPolicy: 'ClusterFirst',
    restartPolicy: 'Always',
    schedulerName: 'default-scheduler',
    securityContext: SECURITY_CONTEXT,
    terminationGracePeriodSeconds: 30,
    // The old name of the field and the new one always agree.
    ...(given.serviceAccountName !== undefined && { serviceAccount: given.serviceAccountName }),
    ...(given.serviceAccountName === undefined &&
      given.serviceAccount !== undefined && { serviceAccountName: given.serviceAccount }),
  });
  spec = fillList(spec, 'containers', defaultContainer);
  spec = fillList(spec, 'initContainers', defaultContainer);
  spec = fillList(spec, 'ephemeralContainers', defaultContainer);
  return fillList(spec, 'volumes', defaultVolume);
}

function defaultContainer<C extends Container>(given: C): C {
  let container: Container = withDefaults<Container>(given, {
    imagePullPolicy: isLatest(given.image ?? '') ? 'Always' : 'IfNotPresent',
    resources: RESOURCES,
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
  });
  container = fillList(container, 'ports', defaultPort);
  container = fillList(container, 'env', defaultEnvVar);
  container = fillField(container, 'livenessProbe', defaultProbe);
  container = fillField(container, 'readinessProbe', defaultProbe);
  container = fillField(container, 'startupProbe', defaultProbe);
  container = fillField(container, 'lifecycle', (lifecycle) =>
    fillField(fillField(lifecycle, 'postStart', defaultHandler), 'preStop', defaultHandler),
  );
  return container as C;
}

/** In the host's network a port of the container is that port of the host. */
function hostPorts(container: Container): Container {
  return fillList(container, 'ports', (port) => withDefaults(port, { hostPort: port.containerPort }));
}

/** An image without a tag, or with the tag `latest`, and without a digest. */
function isLatest(image: string): boolean {
  if (image.includes('@')) return false;
  const tag = /:([^:/]*)$/.exec(image)?.[1];
  return tag === undefined || tag === 'latest';
}

function defaultPort(port: ContainerPort): ContainerPort {
  return withDefaults(port, { protocol: 'TCP' });
}

function defaultEnvVar(variable: EnvVar): EnvVar {
  return fillField(variable, 'valueFrom', (source) =>
    fillField(
      fillField(source, 'fieldRef', (ref) => withDefaults(ref, { apiVersion: 'v1' })),
      'resourceFieldRef',
      (ref) => withDefaults(ref, { divisor: '0' }),
    ),
  );
}

function defaultProbe(probe: Probe): Probe {
  const filled = withDefaults(probe, {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
  });
  return fillField(fillField(filled, 'httpGet', defaultHttpGet), 'grpc', (grpc) => withDefaults(grpc, { service: '' }));
}

function defaultHandler(handler: LifecycleHandler): LifecycleHandler {
  return fillField(handler, 'httpGet', defaultHttpGet);
}

function defaultHttpGet(action: HTTPGetAction): HTTPGetAction {
  return withDefaults(action, { path: '/', scheme: 'HTTP' });
}

/** A limit without a request is a request of the same amount. Done for pods, not for templates. */
function requestsFromLimits<C extends { readonly resources?: ResourceRequirements }>(container: C): C {
  const { limits, requests } = container.resources ?? {};
  if (limits === undefined) return container;
  const filled = withDefaults(requests ?? {}, limits);
  return filled === requests ? container : { ...container, resources: { ...container.resources, requests: filled } };
}

/** Octal 0644: files that everybody may read. */
const FILE_MODE = 0o644;

function defaultVolume(given: Volume): Volume {
  // A volume that names no source is an empty directory.
  if (Object.keys(given).length === 1) return { ...given, emptyDir: EMPTY_DIR };
  let volume = fillField(given, 'configMap', (source) => withDefaults(source, { defaultMode: FILE_MODE }));
  volume = fillField(volume, 'secret', (source) => withDefaults(source, { defaultMode: FILE_MODE }));
  volume = fillField(volume, 'downwardAPI', (source) =>
    fillList(withDefaults(source, { defaultMode: FILE_MODE }), 'items', defaultDownwardFile),
  );
  volume = fillField(volume, 'projected', (source) =>
    fillList(withDefaults(source, { defaultMode: FILE_MODE }), 'sources', defaultProjection),
  );
  volume = fillField(volume, 'hostPath', (source) => withDefaults(source, { type: '' }));
  volume = fillField(volume, 'iscsi', (source) => withDefaults(source, { iscsiInterface: 'default' }));
  volume = fillField(volume, 'rbd', (source) =>
    withDefaults(source, { pool: 'rbd', user: 'admin', keyring: '/etc/ceph/keyring' }),
  );
  volume = fillField(volume, 'azureDisk', (source) =>
    withDefaults(source, { cachingMode: 'ReadWrite', kind: 'Shared', fsType: 'ext4', readOnly: false }),
  );
  volume = fillField(volume, 'scaleIO', (source) =>
    withDefaults(source, { storageMode: 'ThinProvisioned', fsType: 'xfs' }),
  );
  volume = fillField(volume, 'image', (source) =>
    withDefaults(source, { pullPolicy: isLatest(source.reference ?? '') ? 'Always' : 'IfNotPresent' }),
  );
  return fillField(volume, 'ephemeral', (source) =>
    fillField(source, 'volumeClaimTemplate', (template) => fillField(template, 'spec', defaultClaimSpec)),
  );
}

function defaultDownwardFile(file: DownwardAPIVolumeFile): DownwardAPIVolumeFile {
  return fillField(file, 'fieldRef', (ref) => withDefaults(ref, { apiVersion: 'v1' }));
}

function defaultProjection(given: VolumeProjection): VolumeProjection {
  const projection = fillField(given, 'serviceAccountToken', (token) =>
    withDefaults(token, { expirationSeconds: 3600 }),
  );
  return fillField(projection, 'downwardAPI', (source) => fillList(source, 'items', defaultDownwardFile));
}
