import { describe, expect, test } from 'vitest';

import type { Pod, StatefulSet } from '../../api/generated/types.ts';
import {
  ConfigMaps,
  Deployments,
  PersistentVolumeClaims,
  Pods,
  Secrets,
  Services,
  StatefulSets,
} from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { applyDefaults } from '../defaulting/defaulting.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { seal } from '../values.ts';
import { validateCreate, validateUpdate } from './validation.ts';

/** A valid object with `change` merged in, defaulted. */
function changed<T extends KubernetesObject>(type: ResourceType<T>, base: object, change: object = {}): T {
  return applyDefaults(type, mergePatch(base, change) as T);
}

function onCreate<T extends KubernetesObject>(type: ResourceType<T>, base: object, change: object): string[] {
  return validateCreate(type, changed(type, base, change)).map((error) => `${error.field}: ${error.message}`);
}

function onUpdate<T extends KubernetesObject>(type: ResourceType<T>, base: object, change: object): string[] {
  const old = changed(type, base);
  const next = applyDefaults(type, mergePatch(old, change) as T);
  return validateUpdate(type, next, old).map((error) => `${error.field}: ${error.message}`);
}

const podSpec = { containers: [{ name: 'c', image: 'redis:7' }] };
const pod = { metadata: { name: 'p', namespace: 'default' }, spec: podSpec };
const set = {
  metadata: { name: 'redis', namespace: 'default' },
  spec: {
    serviceName: 'redis',
    selector: { matchLabels: { app: 'redis' } },
    template: { metadata: { labels: { app: 'redis' } }, spec: podSpec },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};
const service = { metadata: { name: 's', namespace: 'default' }, spec: { ports: [{ port: 80 }] } };
const claim = { metadata: { name: 'c', namespace: 'default' }, spec: set.spec.volumeClaimTemplates[0]?.spec };
const deployment = {
  metadata: { name: 'd', namespace: 'default' },
  spec: { selector: set.spec.selector, template: set.spec.template },
};

describe('what is valid', () => {
  test.each<[string, ResourceType, object]>([
    ['a pod', Pods, pod],
    ['a stateful set', StatefulSets, set],
    ['a service', Services, service],
    ['a claim', PersistentVolumeClaims, claim],
    ['a deployment', Deployments, deployment],
    ['a config map', ConfigMaps, { metadata: { name: 'm', namespace: 'default' }, data: { 'a.conf': 'x' } }],
    ['a secret', Secrets, { metadata: { name: 'm', namespace: 'default' }, data: { a: 'eA==' } }],
  ])('%s is accepted, and so is the same again', (_what, type, object) => {
    expect(onCreate(type, object, {})).toEqual([]);
    expect(onUpdate(type, object, {})).toEqual([]);
  });
});

describe('V1 a stateful set is refused', () => {
  test.each<[string, object, string]>([
    ['without a selector', { spec: { selector: null } }, 'spec.selector: Required value'],
    [
      'with an empty selector',
      { spec: { selector: { matchLabels: null } } },
      'spec.selector: Invalid value: {}: empty selector is invalid for statefulset',
    ],
    [
      'whose selector does not match its template',
      { spec: { template: { metadata: { labels: { app: 'other' } } } } },
      'spec.template.metadata.labels: Invalid value: {"app":"other"}: `selector` does not match template `labels`',
    ],
    [
      'with negative replicas',
      { spec: { replicas: -1 } },
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'with an unknown policy',
      { spec: { podManagementPolicy: 'Chaos' } },
      "spec.podManagementPolicy: Invalid value: \"Chaos\": must be 'OrderedReady' or 'Parallel'",
    ],
    [
      'with an unknown strategy',
      { spec: { updateStrategy: { type: 'Recreate' } } },
      'spec.updateStrategy: Invalid value: {"type":"Recreate"}: must be \'RollingUpdate\' or \'OnDelete\'',
    ],
    [
      'with a partition for OnDelete',
      { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } } },
      'spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for updateStrategy \'RollingUpdate\'',
    ],
    [
      'with a negative partition',
      { spec: { updateStrategy: { rollingUpdate: { partition: -3 } } } },
      'spec.updateStrategy.rollingUpdate.partition: Invalid value: -3: must be greater than or equal to 0',
    ],
    [
      'with no pod allowed to be down',
      { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: '0%' } } } },
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "0%": cannot be 0',
    ],
    [
      'with more than all pods down',
      { spec: { updateStrategy: { rollingUpdate: { maxUnavailable: '101%' } } } },
      'spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be greater than 100%',
    ],
    [
      'with pods that end',
      { spec: { template: { spec: { restartPolicy: 'Never' } } } },
      'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
    ],
    [
      'with a deadline',
      { spec: { template: { spec: { activeDeadlineSeconds: 5 } } } },
      'spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in StatefulSet is not Supported',
    ],
    [
      'with an unknown retention policy',
      { spec: { persistentVolumeClaimRetentionPolicy: { whenScaled: 'Burn' } } },
      'spec.persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: "Burn": supported values: "Retain", "Delete"',
    ],
    [
      'with a negative start',
      { spec: { ordinals: { start: -1 } } },
      'spec.ordinals.start: Invalid value: -1: must be greater than or equal to 0',
    ],
    [
      'with a mount of nothing',
      {
        spec: {
          template: {
            spec: { containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'dta', mountPath: '/d' }] }] },
          },
        },
      },
      'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "dta"',
    ],
    [
      'with a claim template without a size',
      { spec: { volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } }] } },
      'spec.volumeClaimTemplates[0].spec.resources[storage]: Required value',
    ],
  ])('%s', (_what, change, message) => {
    expect(onCreate(StatefulSets, set, change)).toContain(message);
  });

  test('with its name in the wrong form', () => {
    expect(onCreate(StatefulSets, set, { metadata: { name: 'Redis_1' } })[0]).toMatch(
      /^metadata\.name: Invalid value: "Redis_1": a lowercase RFC 1123 label must consist of/,
    );
    expect(onCreate(StatefulSets, set, { metadata: { name: null } })).toEqual([
      'metadata.name: Required value: name or generateName is required',
    ]);
  });

  test('a mount of a claim template is none of its errors', () => {
    const container = { name: 'c', image: 'x', volumeMounts: [{ name: 'data', mountPath: '/data' }] };
    expect(onCreate(StatefulSets, set, { spec: { template: { spec: { containers: [container] } } } })).toEqual([]);
  });
});

describe('V2 of a stateful set', () => {
  const rule =
    "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";

  test.each<[string, object]>([
    ['replicas', { replicas: 5 }],
    ['ordinals', { ordinals: { start: 3 } }],
    ['template', { template: { spec: { containers: [{ name: 'c', image: 'redis:8' }] } } }],
    ['updateStrategy', { updateStrategy: { rollingUpdate: { partition: 2 } } }],
    ['revisionHistoryLimit', { revisionHistoryLimit: 3 }],
    ['persistentVolumeClaimRetentionPolicy', { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete' } }],
    ['minReadySeconds', { minReadySeconds: 7 }],
  ])('%s may change', (_field, spec) => {
    expect(onUpdate(StatefulSets, set, { spec })).toEqual([]);
  });

  test.each<[string, object]>([
    ['serviceName', { serviceName: 'other' }],
    ['podManagementPolicy', { podManagementPolicy: 'Parallel' }],
    ['volumeClaimTemplates', { volumeClaimTemplates: [] }],
  ])('%s may not', (_field, spec) => {
    expect(onUpdate(StatefulSets, set, { spec })).toEqual([rule]);
  });

  test('the selector may not change, even with the template', () => {
    const spec = {
      selector: { matchLabels: { app: 'b' } },
      template: { metadata: { labels: { app: 'b' } } },
    };
    expect(onUpdate(StatefulSets, set, { spec })).toEqual([rule]);
  });

  test('what may change is checked', () => {
    expect(onUpdate(StatefulSets, set, { spec: { replicas: -1 } })).toEqual([
      'spec.replicas: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });

  test('the status is checked when it is written', () => {
    const old = changed(StatefulSets, set);
    const next = { ...old, status: { replicas: 1, readyReplicas: 2 } } as StatefulSet;
    expect(validateUpdate(StatefulSets, next, old, 'status')).toMatchObject([
      { field: 'status.readyReplicas', message: 'Invalid value: 2: cannot be greater than status.replicas' },
    ]);
  });
});

describe('V3 a name too long for its pods', () => {
  test.each([
    [52, 0],
    [53, 1],
  ])('with %i characters: %i errors', (length, errors) => {
    const found = onCreate(StatefulSets, set, { metadata: { name: 'r'.repeat(length) } });
    expect(found).toHaveLength(errors);
    if (errors > 0) expect(found[0]).toContain('must be no more than 52 characters');
  });

  test('is one with a dot too, which no hostname has', () => {
    expect(onCreate(StatefulSets, set, { metadata: { name: 'my.redis' } })).toHaveLength(1);
  });
});

describe('V1 a pod is refused', () => {
  const container = (change: object): object => ({ spec: { containers: [{ name: 'c', image: 'x', ...change }] } });
  const at = 'spec.containers[0]';

  test.each<[string, object, string]>([
    ['without containers', { spec: { containers: [] } }, 'spec.containers: Required value'],
    ['without an image', container({ image: '' }), `${at}.image: Required value`],
    ['with a nameless container', container({ name: '' }), `${at}.name: Required value`],
    [
      'with two containers of one name',
      {
        spec: {
          containers: [
            { name: 'c', image: 'x' },
            { name: 'c', image: 'y' },
          ],
        },
      },
      'spec.containers[1].name: Duplicate value: "c"',
    ],
    [
      'with an init container of the same name',
      { spec: { initContainers: [{ name: 'c', image: 'x' }] } },
      'spec.initContainers[0].name: Duplicate value: "c"',
    ],
    [
      'with a probe of an init container',
      { spec: { initContainers: [{ name: 'i', image: 'x', readinessProbe: { exec: { command: ['x'] } } }] } },
      'spec.initContainers[0].readinessProbe: Forbidden: may not be set for init containers without restartPolicy=Always',
    ],
    [
      'with a port out of range',
      container({ ports: [{ containerPort: 70000 }] }),
      `${at}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive`,
    ],
    [
      'with two ports of one name',
      container({
        ports: [
          { name: 'a', containerPort: 1 },
          { name: 'a', containerPort: 2 },
        ],
      }),
      `${at}.ports[1].name: Duplicate value: "a"`,
    ],
    [
      'with a port name too long',
      container({ ports: [{ name: 'a-very-long-port-name', containerPort: 1 }] }),
      `${at}.ports[0].name: Invalid value: "a-very-long-port-name": must be no more than 15 characters`,
    ],
    [
      'with an unknown protocol',
      container({ ports: [{ containerPort: 1, protocol: 'ICMP' }] }),
      `${at}.ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`,
    ],
    ['with a nameless variable', container({ env: [{ value: 'x' }] }), `${at}.env[0].name: Required value`],
    [
      'with a variable from two places',
      container({ env: [{ name: 'A', value: 'x', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }] }),
      `${at}.env[0].valueFrom: Invalid value: "": may not be specified when \`value\` is not empty`,
    ],
    [
      'with an unknown field of the pod',
      container({ env: [{ name: 'A', valueFrom: { fieldRef: { fieldPath: 'spec.nope' } } }] }),
      `${at}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.nope": error converting fieldPath: field label not supported: spec.nope`,
    ],
    [
      'with two mounts in one place',
      {
        spec: {
          volumes: [{ name: 'v' }],
          containers: [
            {
              name: 'c',
              image: 'x',
              volumeMounts: [
                { name: 'v', mountPath: '/a' },
                { name: 'v', mountPath: '/a' },
              ],
            },
          ],
        },
      },
      `${at}.volumeMounts[1].mountPath: Invalid value: "/a": must be unique`,
    ],
    [
      'with a sub-path that leaves the volume',
      {
        spec: {
          volumes: [{ name: 'v' }],
          containers: [{ name: 'c', image: 'x', volumeMounts: [{ name: 'v', mountPath: '/a', subPath: '../etc' }] }],
        },
      },
      `${at}.volumeMounts[0].subPath: Invalid value: "../etc": must not contain '..'`,
    ],
    [
      'with two volumes of one name',
      { spec: { volumes: [{ name: 'v' }, { name: 'v' }] } },
      'spec.volumes[1].name: Duplicate value: "v"',
    ],
    [
      'with a volume of two kinds',
      { spec: { volumes: [{ name: 'v', emptyDir: {}, hostPath: { path: '/x' } }] } },
      'spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type',
    ],
    [
      'with a volume that names no server',
      { spec: { volumes: [{ name: 'v', nfs: { path: '/x' } }] } },
      'spec.volumes[0].nfs.server: Required value',
    ],
    [
      'that as a whole asks for a disk',
      { spec: { resources: { requests: { 'ephemeral-storage': '1Gi' } } } },
      'spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"',
    ],
    [
      'that asks for more than it may have',
      container({ resources: { requests: { cpu: '2' }, limits: { cpu: '1' } } }),
      `${at}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`,
    ],
    [
      'with a negative amount',
      container({ resources: { limits: { memory: '-1' } } }),
      `${at}.resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0`,
    ],
    [
      'with an unknown resource',
      container({ resources: { limits: { gold: '1' } } }),
      `${at}.resources.limits: Invalid value: "gold": must be a standard resource for containers`,
    ],
    [
      'with a probe that does nothing',
      container({ livenessProbe: {} }),
      `${at}.livenessProbe: Required value: must specify a handler type`,
    ],
    [
      'with a probe that does two things',
      container({ livenessProbe: { exec: { command: ['x'] }, tcpSocket: { port: 1 } } }),
      `${at}.livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type`,
    ],
    [
      'with a liveness probe that must succeed twice',
      container({ livenessProbe: { tcpSocket: { port: 1 }, successThreshold: 2 } }),
      `${at}.livenessProbe.successThreshold: Invalid value: 2: must be 1`,
    ],
    [
      'with a hook that waits a negative time',
      container({ lifecycle: { preStop: { sleep: { seconds: -1 } } } }),
      `${at}.lifecycle.preStop.sleep.seconds: Invalid value: -1: must be greater than or equal to 0`,
    ],
    [
      'with an unknown restart policy',
      { spec: { restartPolicy: 'Sometimes' } },
      'spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
    ],
    [
      'that is privileged and must not become so',
      container({ securityContext: { privileged: true, allowPrivilegeEscalation: false } }),
      `${at}.securityContext: Invalid value: {"privileged":true,"allowPrivilegeEscalation":false}: cannot set \`allowPrivilegeEscalation\` to false and \`privileged\` to true`,
    ],
    [
      'with a negative user',
      container({ securityContext: { runAsUser: -1 } }),
      `${at}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive`,
    ],
    [
      'with a share at no absolute path',
      { spec: { volumes: [{ name: 'v', nfs: { server: 's', path: 'a' } }] } },
      'spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path',
    ],
    [
      'with a driver that has no name',
      { spec: { volumes: [{ name: 'v', csi: { driver: 'a_b' } }] } },
      'spec.volumes[0].csi.driver: Invalid value: "a_b":',
    ],
    [
      'with two files of one volume in one place',
      {
        spec: {
          volumes: [
            {
              name: 'v',
              projected: {
                sources: [
                  { secret: { name: 'a', items: [{ key: 'k', path: 'x' }] } },
                  { configMap: { name: 'b', items: [{ key: 'k', path: 'x' }] } },
                ],
              },
            },
          ],
        },
      },
      'spec.volumes[0].projected: Invalid value: "x": conflicting duplicate paths',
    ],
    [
      'with a Windows user without a name',
      container({ securityContext: { windowsOptions: { runAsUserName: 'corp\\' } } }),
      `${at}.securityContext.windowsOptions.runAsUserName: Invalid value: "corp\\\\": runAsUserName's User cannot be empty`,
    ],
    [
      'with a Windows user of two domains',
      { spec: { securityContext: { windowsOptions: { runAsUserName: 'a\\b\\c' } } } },
      'spec.securityContext.windowsOptions.runAsUserName: Invalid value: "a\\\\b\\\\c": runAsUserName cannot contain more than one backslash',
    ],
    [
      'with empty Windows credentials',
      { spec: { securityContext: { windowsOptions: { gmsaCredentialSpec: '' } } } },
      'spec.securityContext.windowsOptions.gmsaCredentialSpec: Invalid value: "": gmsaCredentialSpec cannot be an empty string',
    ],
    [
      'whose containers are processes of a Windows host without its network',
      { spec: { securityContext: { windowsOptions: { hostProcess: true } } } },
      'spec.hostNetwork: Invalid value: false: hostNetwork must be true if pod contains any hostProcess containers',
    ],
    [
      "in the host's network with another port there",
      {
        spec: {
          hostNetwork: true,
          containers: [{ ...podSpec.containers[0], ports: [{ containerPort: 80, hostPort: 81 }] }],
        },
      },
      'spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true',
    ],
    [
      'for Linux with options of Windows',
      { spec: { os: { name: 'linux' }, securityContext: { windowsOptions: {} } } },
      'spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod',
    ],
    [
      'for Windows with what only Linux has',
      { spec: { os: { name: 'windows' }, securityContext: { fsGroup: 1 } } },
      'spec.securityContext.fsGroup: Forbidden: cannot be set for a windows pod',
    ],
    [
      'for a system there is not',
      { spec: { os: { name: 'beos' } } },
      'spec.os.name: Unsupported value: "beos": supported values: "linux", "windows"',
    ],
    [
      'with a readiness gate that has no name',
      { spec: { readinessGates: [{ conditionType: 'a b' }] } },
      'spec.readinessGates[0].conditionType: Invalid value: "a b":',
    ],
    [
      'with a label value that is none',
      { metadata: { labels: { a: 'b c' } } },
      'metadata.labels: Invalid value: "b c": a valid label must be an empty string or consist of alphanumeric characters',
    ],
    [
      'with a toleration for a time of nothing',
      { spec: { tolerations: [{ key: 'a', operator: 'Exists', value: 'x' }] } },
      'spec.tolerations[0].operator: Invalid value: {"key":"a","operator":"Exists","value":"x"}: value must be empty when `operator` is \'Exists\'',
    ],
    [
      'whose resolver has no configuration',
      { spec: { dnsPolicy: 'None' } },
      'spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None',
    ],
  ])('%s', (_what, change, message) => {
    const found = onCreate(Pods, pod, change);
    expect(
      found.some((error) => error.startsWith(message)),
      found.join('\n'),
    ).toBe(true);
  });

  test("for its port in the host's network, which its template may leave open", () => {
    const template = (hostPort: number): readonly string[] => {
      const ports = [{ containerPort: 80, hostPort }];
      const templateSpec = { hostNetwork: true, containers: [{ ...podSpec.containers[0], ports }] };
      const workload = changed(StatefulSets, set, { spec: { template: { spec: templateSpec } } });
      return validateCreate(StatefulSets, workload).map((error) => error.field);
    };
    expect(template(0)).toEqual([]);
    expect(template(80)).toEqual([]);
    expect(template(81)).toEqual(['spec.template.spec.containers[0].ports[0].hostPort']);
  });

  test('for its own volumes, also when others with the same containers are right', () => {
    const mount = { name: 'data', mountPath: '/data' };
    const containers = seal(
      changed(Pods, pod, { spec: { containers: [{ ...podSpec.containers[0], volumeMounts: [mount] }] } }).spec
        .containers,
    );
    const volumes = seal([
      { name: 'data', configMap: { name: 'c', defaultMode: 0o644, items: [{ key: 'k', path: 'p' }] } },
    ]);
    const errors = (spec: object): string[] =>
      validateCreate(Pods, applyDefaults(Pods, { ...pod, spec } as unknown as Pod)).map(
        (error) => `${error.field}: ${error.message}`,
      );
    expect(errors({ containers, volumes })).toEqual([]);
    expect(errors({ containers, volumes })).toEqual([]);
    expect(errors({ containers })).toEqual(['spec.containers[0].volumeMounts[0].name: Not found: "data"']);
    expect(errors({ containers, volumes: [...volumes, ...volumes] })).toEqual([
      'spec.volumes[1].name: Duplicate value: "data"',
    ]);
    const wrong = seal([{ name: 'data', configMap: { name: 'C_', defaultMode: 0o644 } }]);
    expect(errors({ containers, volumes: wrong })).toHaveLength(1);
    expect(errors({ containers, volumes: wrong })).toHaveLength(1);
  });

  test('a sidecar may have probes and hooks', () => {
    const sidecar = {
      name: 'i',
      image: 'x',
      restartPolicy: 'Always',
      startupProbe: { exec: { command: ['x'] } },
      lifecycle: { preStop: { exec: { command: ['y'] } } },
    };
    expect(onCreate(Pods, pod, { spec: { initContainers: [sidecar] } })).toEqual([]);
  });
});

describe('of a pod that exists', () => {
  test('the image may change, and tolerations may be added', () => {
    const spec = {
      containers: [{ name: 'c', image: 'redis:8', imagePullPolicy: 'IfNotPresent' }],
      tolerations: [{ key: 'k', operator: 'Exists' }],
    };
    expect(onUpdate(Pods, pod, { spec })).toEqual([]);
  });

  test.each<[string, object]>([
    ['command', { containers: [{ name: 'c', image: 'redis:7', command: ['x'] }] }],
    ['hostname', { hostname: 'other' }],
    ['restartPolicy', { restartPolicy: 'Never' }],
    ['node', { nodeName: 'other' }],
  ])('the %s may not', (_field, spec) => {
    expect(onUpdate(Pods, pod, { spec })[0]).toMatch(/^spec: Forbidden: pod updates may not change fields other than/);
  });

  test('no container comes or goes', () => {
    const containers = [
      { name: 'c', image: 'redis:7' },
      { name: 'd', image: 'x' },
    ];
    expect(onUpdate(Pods, pod, { spec: { containers } })).toEqual([
      'spec.containers: Forbidden: pod updates may not add or remove containers',
    ]);
  });

  test('a status is written without another look at the spec', () => {
    const old = changed(Pods, pod) as Pod;
    const broken = { ...old, spec: { ...old.spec, containers: [] }, status: { phase: 'Running' } } as Pod;
    expect(validateUpdate(Pods, broken, old, 'status')).toEqual([]);
  });
});

describe('V1 a service is refused', () => {
  test.each<[string, object, string]>([
    ['without ports', { spec: { ports: [] } }, 'spec.ports: Required value'],
    [
      'with an unknown type',
      { spec: { type: 'Magic' } },
      'spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
    ],
    [
      'with two ports without names',
      { spec: { ports: [{ port: 1 }, { port: 2 }] } },
      'spec.ports[0].name: Required value',
    ],
    [
      'with a name that begins with a digit',
      { metadata: { name: '1st' } },
      'metadata.name: Invalid value: "1st": a DNS-1035 label must consist of lower case',
    ],
    ['of an outside name without one', { spec: { type: 'ExternalName' } }, 'spec.externalName: Required value'],
    [
      'with an address that is none',
      { spec: { clusterIP: '10.0.0' } },
      'spec.clusterIPs[0]: Invalid value: "10.0.0": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    ],
  ])('%s', (_what, change, message) => {
    const found = onCreate(Services, service, change);
    expect(
      found.some((error) => error.startsWith(message)),
      found.join('\n'),
    ).toBe(true);
  });

  test('a headless one needs no ports', () => {
    expect(onCreate(Services, service, { spec: { clusterIP: 'None', ports: [] } })).toEqual([]);
  });

  test('when its address changes', () => {
    const headless = { ...service, spec: { ...service.spec, clusterIP: 'None' } };
    expect(onUpdate(Services, headless, { spec: { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'] } })).toEqual([
      'spec.clusterIPs[0]: Invalid value: ["10.96.0.5"]: may not change once set',
    ]);
  });
});

describe('V1 a claim', () => {
  test('needs a size and an access mode', () => {
    expect(onCreate(PersistentVolumeClaims, claim, { spec: { accessModes: null, resources: null } })).toEqual([
      'spec.accessModes: Required value: at least 1 access mode is required',
      'spec.resources[storage]: Required value',
    ]);
  });

  const bound = {
    ...claim,
    spec: { ...claim.spec, volumeName: 'v' },
    status: { phase: 'Bound', capacity: { storage: '1Gi' } },
  };

  test('may grow when it is bound, and not shrink', () => {
    expect(onUpdate(PersistentVolumeClaims, bound, { spec: { resources: { requests: { storage: '2Gi' } } } })).toEqual(
      [],
    );
    expect(onUpdate(PersistentVolumeClaims, bound, { spec: { resources: { requests: { storage: '1Mi' } } } })).toEqual([
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ]);
  });

  test('is bound once', () => {
    expect(onUpdate(PersistentVolumeClaims, claim, { spec: { volumeName: 'v' } })).toEqual([]);
    expect(onUpdate(PersistentVolumeClaims, bound, { spec: { volumeName: 'w' } })[0]).toMatch(
      /^spec: Forbidden: spec is immutable after creation except resources\.requests/,
    );
  });
});

describe('V1 others are refused', () => {
  test('a deployment that could never make progress', () => {
    const rollingUpdate = { maxSurge: 0, maxUnavailable: '0%' };
    expect(onCreate(Deployments, deployment, { spec: { strategy: { rollingUpdate } } })).toEqual([
      'spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "0%": may not be 0 when `maxSurge` is 0',
    ]);
  });

  test('a changed selector of a deployment', () => {
    const spec = { selector: { matchLabels: { app: 'b' } }, template: { metadata: { labels: { app: 'b' } } } };
    expect(onUpdate(Deployments, deployment, { spec })).toEqual([
      'spec.selector: Invalid value: {"matchLabels":{"app":"b"}}: field is immutable',
    ]);
  });

  test('a config map with a key that is no file name', () => {
    const map = { metadata: { name: 'm', namespace: 'default' } };
    expect(onCreate(ConfigMaps, map, { data: { 'a/b': 'x' } })[0]).toMatch(
      /^data\[a\/b\]: Invalid value: "a\/b": a valid config key/,
    );
    expect(onCreate(ConfigMaps, map, { data: { a: 'x'.repeat(1024 * 1024 + 1) } })).toEqual([
      ': Too long: may not be more than 1048576 bytes',
    ]);
  });

  test('a change of what is immutable', () => {
    const map = { metadata: { name: 'm', namespace: 'default' }, data: { a: '1' }, immutable: true };
    expect(onUpdate(ConfigMaps, map, { data: { a: '2' } })).toEqual([
      'data: Forbidden: field is immutable when `immutable` is set',
    ]);
    expect(onUpdate(Pods, pod, { metadata: { uid: 'x' } })).toEqual([
      'metadata.uid: Invalid value: "x": field is immutable',
    ]);
  });
});
