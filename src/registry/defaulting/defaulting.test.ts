import { describe, expect, test } from 'vitest';

import * as Kinds from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { applyDefaults } from './defaulting.ts';

/** The defaulted object; what was given must not change, and defaulting again must find nothing to do. */
function defaulted<T extends KubernetesObject>(type: ResourceType<T>, object: object): T {
  const before = structuredClone(object);
  const first = applyDefaults(type, object as T);
  expect(object).toEqual(before);
  expect(applyDefaults(type, first)).toBe(first);
  return first;
}

const container = { name: 'c', image: 'redis:7' };
const filledContainer = {
  name: 'c',
  image: 'redis:7',
  imagePullPolicy: 'IfNotPresent',
  resources: {},
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
};
const filledPodSpec = {
  containers: [filledContainer],
  dnsPolicy: 'ClusterFirst',
  restartPolicy: 'Always',
  schedulerName: 'default-scheduler',
  securityContext: {},
  terminationGracePeriodSeconds: 30,
};

describe('defaults of a stateful set', () => {
  test('of everything that was left out', () => {
    const claim = { metadata: { name: 'data' }, spec: { accessModes: ['ReadWriteOnce'] } };
    const spec = { template: { spec: { containers: [container] } }, volumeClaimTemplates: [claim] };
    expect(defaulted(Kinds.StatefulSets, { metadata: {}, spec })).toEqual({
      metadata: {},
      spec: {
        replicas: 1,
        podManagementPolicy: 'OrderedReady',
        revisionHistoryLimit: 10,
        updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0, maxUnavailable: 1 } },
        persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
        template: { spec: filledPodSpec },
        volumeClaimTemplates: [
          {
            apiVersion: 'v1',
            kind: 'PersistentVolumeClaim',
            metadata: { name: 'data' },
            spec: { accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem' },
            status: { phase: 'Pending' },
          },
        ],
      },
    });
  });

  test('of what was left out beside what was said', () => {
    const spec = {
      replicas: 0,
      updateStrategy: { rollingUpdate: { partition: 2 } },
      persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete' },
    };
    expect(defaulted(Kinds.StatefulSets, { spec }).spec).toMatchObject({
      replicas: 0,
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2, maxUnavailable: 1 } },
      persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Delete' },
    });
  });

  test('OnDelete rolls nothing', () => {
    const spec = { updateStrategy: { type: 'OnDelete' } };
    expect(defaulted(Kinds.StatefulSets, { spec }).spec.updateStrategy).toEqual({ type: 'OnDelete' });
  });
});

describe('defaults of a pod', () => {
  const podWith = (more: object, spec: object = {}): unknown =>
    defaulted(Kinds.Pods, { metadata: {}, spec: { containers: [{ ...container, ...more }], ...spec } }).spec;

  test('of everything that was left out', () => {
    expect(podWith({})).toEqual({ ...filledPodSpec, enableServiceLinks: true });
  });

  test.each([
    ['redis', 'Always'],
    ['redis:latest', 'Always'],
    ['host:5000/redis', 'Always'],
    ['redis:7', 'IfNotPresent'],
    ['host:5000/redis:7', 'IfNotPresent'],
    ['redis@sha256:abc', 'IfNotPresent'],
  ])('the image %s is pulled %s', (image, imagePullPolicy) => {
    expect(podWith({ image })).toMatchObject({ containers: [{ imagePullPolicy }] });
  });

  test('a limit is a request too', () => {
    const resources = { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } };
    expect(podWith({ resources })).toMatchObject({
      containers: [{ resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m', memory: '1Gi' } } }],
    });
  });

  test('probes, hooks, ports and references', () => {
    const more = {
      ports: [{ containerPort: 80 }],
      readinessProbe: { httpGet: { port: 80 } },
      livenessProbe: { grpc: { port: 1 }, periodSeconds: 3 },
      lifecycle: { preStop: { httpGet: { port: 80 } } },
      env: [
        { name: 'A', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } },
        { name: 'B', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
      ],
    };
    expect(podWith(more)).toMatchObject({
      containers: [
        {
          ports: [{ containerPort: 80, protocol: 'TCP' }],
          readinessProbe: {
            httpGet: { port: 80, path: '/', scheme: 'HTTP' },
            timeoutSeconds: 1,
            periodSeconds: 10,
            successThreshold: 1,
            failureThreshold: 3,
          },
          livenessProbe: { grpc: { port: 1, service: '' }, periodSeconds: 3 },
          lifecycle: { preStop: { httpGet: { port: 80, path: '/', scheme: 'HTTP' } } },
          env: [
            { valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } } },
            { valueFrom: { resourceFieldRef: { resource: 'limits.cpu', divisor: '0' } } },
          ],
        },
      ],
    });
  });

  test('volumes of every kind', () => {
    const volumes = [
      { name: 'a' },
      { name: 'b', configMap: { name: 'm' } },
      { name: 'c', secret: { secretName: 's' } },
      { name: 'd', hostPath: { path: '/x' } },
      { name: 'e', projected: { sources: [{ serviceAccountToken: { path: 't' } }] } },
      { name: 'f', downwardAPI: { items: [{ path: 'n', fieldRef: { fieldPath: 'metadata.name' } }] } },
      { name: 'g', ephemeral: { volumeClaimTemplate: { spec: {} } } },
    ];
    expect(podWith({}, { volumes })).toMatchObject({
      volumes: [
        { name: 'a', emptyDir: {} },
        { configMap: { defaultMode: 0o644 } },
        { secret: { defaultMode: 0o644 } },
        { hostPath: { type: '' } },
        { projected: { defaultMode: 0o644, sources: [{ serviceAccountToken: { expirationSeconds: 3600 } }] } },
        { downwardAPI: { defaultMode: 0o644, items: [{ fieldRef: { apiVersion: 'v1' } }] } },
        { ephemeral: { volumeClaimTemplate: { spec: { volumeMode: 'Filesystem' } } } },
      ],
    });
  });

  test("in the host's network a port is the host's", () => {
    expect(podWith({ ports: [{ containerPort: 80 }] }, { hostNetwork: true })).toMatchObject({
      containers: [{ ports: [{ containerPort: 80, hostPort: 80 }] }],
    });
  });

  test('both names of the service account agree', () => {
    expect(podWith({}, { serviceAccount: 'a' })).toMatchObject({ serviceAccount: 'a', serviceAccountName: 'a' });
    expect(podWith({}, { serviceAccountName: 'a' })).toMatchObject({ serviceAccount: 'a', serviceAccountName: 'a' });
  });
});

describe('defaults of other kinds', () => {
  const of = (type: ResourceType, object: object): unknown => defaulted(type, object);

  test('a service', () => {
    expect(of(Kinds.Services, { spec: { clusterIP: 'None', ports: [{ port: 80 }] } })).toEqual({
      spec: {
        clusterIP: 'None',
        clusterIPs: ['None'],
        type: 'ClusterIP',
        sessionAffinity: 'None',
        internalTrafficPolicy: 'Cluster',
        ipFamilies: ['IPv4'],
        ipFamilyPolicy: 'SingleStack',
        ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
      },
    });
    expect(of(Kinds.Services, { spec: { type: 'ExternalName', externalName: 'a.b' } })).toEqual({
      spec: { type: 'ExternalName', externalName: 'a.b', sessionAffinity: 'None' },
    });
    expect(of(Kinds.Services, { spec: { sessionAffinity: 'ClientIP' } })).toMatchObject({
      spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10_800 } } },
    });
    expect(of(Kinds.Services, { spec: { type: 'NodePort' } })).toMatchObject({
      spec: { externalTrafficPolicy: 'Cluster' },
    });
  });

  test('claims, volumes and their classes', () => {
    expect(of(Kinds.PersistentVolumeClaims, { spec: {} })).toEqual({
      spec: { volumeMode: 'Filesystem' },
      status: { phase: 'Pending' },
    });
    expect(of(Kinds.PersistentVolumes, { spec: { local: { path: '/x' } } })).toMatchObject({
      spec: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' },
      status: { phase: 'Pending' },
    });
    expect(of(Kinds.StorageClasses, { provisioner: 'p' })).toEqual({
      provisioner: 'p',
      reclaimPolicy: 'Delete',
      volumeBindingMode: 'Immediate',
    });
  });

  test('a namespace is labelled with its name', () => {
    expect(of(Kinds.Namespaces, { metadata: { name: 'n', labels: { a: 'b' } } })).toEqual({
      metadata: { name: 'n', labels: { a: 'b', 'kubernetes.io/metadata.name': 'n' } },
      spec: {},
      status: { phase: 'Active' },
    });
  });

  test('what is written of a secret in words becomes its data', () => {
    expect(of(Kinds.Secrets, { data: { a: 'eA==', b: 'eQ==' }, stringData: { b: 'z' } })).toEqual({
      type: 'Opaque',
      data: { a: 'eA==', b: 'eg==' },
    });
  });

  test('deployments and replica sets', () => {
    expect(of(Kinds.Deployments, { spec: {} })).toMatchObject({
      spec: {
        replicas: 1,
        revisionHistoryLimit: 10,
        progressDeadlineSeconds: 600,
        strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
      },
    });
    expect(of(Kinds.Deployments, { spec: { strategy: { type: 'Recreate' } } })).toMatchObject({
      spec: { strategy: { type: 'Recreate' } },
    });
    expect(of(Kinds.ReplicaSets, { spec: {} })).toMatchObject({ spec: { replicas: 1 } });
  });

  test('a node has all it has', () => {
    expect(of(Kinds.Nodes, { status: { capacity: { cpu: '2' } } })).toEqual({
      spec: {},
      status: { capacity: { cpu: '2' }, allocatable: { cpu: '2' } },
    });
  });

  test('bindings say which group roles and users are of', () => {
    const group = 'rbac.authorization.k8s.io';
    const subjects = [
      { kind: 'User', name: 'u' },
      { kind: 'ServiceAccount', name: 's', namespace: 'n' },
    ];
    expect(of(Kinds.RoleBindings, { roleRef: { kind: 'Role', name: 'r' }, subjects })).toEqual({
      roleRef: { apiGroup: group, kind: 'Role', name: 'r' },
      subjects: [{ kind: 'User', name: 'u', apiGroup: group }, subjects[1]],
    });
  });

  test('required fields that were left out are there, and empty', () => {
    expect(of(Kinds.Pods, { metadata: { ownerReferences: [{ name: 'o' }] } })).toMatchObject({
      metadata: { ownerReferences: [{ apiVersion: '', kind: '', name: 'o', uid: '' }] },
      spec: { containers: [] },
    });
    expect(of(Kinds.StatefulSets, {})).toMatchObject({ spec: { template: { spec: { containers: [] } } } });
    expect(of(Kinds.StatefulSets, {})).not.toHaveProperty('spec.selector');
    expect(of(Kinds.ControllerRevisions, {})).toEqual({ revision: 0 });
  });

  test('kinds without defaults stay as they are', () => {
    const map = { data: { a: 'b' } };
    expect(applyDefaults(Kinds.ConfigMaps, map)).toBe(map);
  });
});
