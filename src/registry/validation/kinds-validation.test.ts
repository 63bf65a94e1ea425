import { describe, expect, test } from 'vitest';

import * as Kinds from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { applyDefaults } from '../defaulting/defaulting.ts';
import { mergePatch } from '../patch/merge-patch.ts';
import { validateCreate, validateUpdate } from './validation.ts';

function complete<T extends KubernetesObject>(type: ResourceType<T>, object: object): T {
  const metadata = { name: 'a', ...(type.namespaced && { namespace: 'default' }) };
  return applyDefaults(type, { kind: type.kind, metadata, ...object } as unknown as T);
}

/** With the name of the kind, for the title. */
const titled = <R extends readonly unknown[]>(rows: readonly (readonly [ResourceType, ...R])[]) =>
  rows.map(([type, ...rest]) => [type.kind, type, ...rest] as const);

const fieldsOf = (errors: readonly { readonly field: string }[]): readonly string[] => errors.map(({ field }) => field);

const ports = [{ port: 80 }];
const balancer = { type: 'LoadBalancer', loadBalancerClass: 'a.b/c', ports };
const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' };
const limit = (item: object): object => ({ spec: { limits: [{ type: 'Container', ...item }] } });
const subset = (change: object): object => ({ subsets: [{ addresses: [{ ip: '10.0.0.1' }], ports, ...change }] });
const slice = (address: string): object => ({ addressType: 'IPv4', endpoints: [{ addresses: [address] }], ports });

describe('V1 a new object', () => {
  test.each(
    titled<[object]>([
      [Kinds.Services, { spec: balancer }],
      [
        Kinds.Services,
        { spec: { type: 'NodePort', externalTrafficPolicy: 'Local', ports: [{ ...ports[0], nodePort: 30000 }] } },
      ],
      [Kinds.Services, { spec: { externalIPs: ['1.2.3.4'], externalTrafficPolicy: 'Local', ports } }],
      [
        Kinds.Endpoints,
        subset({
          ports: [
            { ...ports[0], name: 'a' },
            { port: 81, name: 'b' },
          ],
        }),
      ],
      [Kinds.EndpointSlices, slice('127.0.0.1')],
      [
        Kinds.ResourceQuotas,
        { spec: { hard: { pods: '3', 'limits.cpu': '500m', 'count/jobs.batch': '1' }, scopes: ['BestEffort'] } },
      ],
      [
        Kinds.LimitRanges,
        limit({ min: { cpu: '1' }, defaultRequest: { cpu: '1' }, default: { cpu: '2' }, max: { cpu: '2' } }),
      ],
      [
        Kinds.RoleBindings,
        {
          roleRef,
          subjects: [
            { kind: 'User', name: 'u' },
            { kind: 'ServiceAccount', name: 's', namespace: 'n' },
          ],
        },
      ],
    ]),
  )('of %s is taken', (_kind, type, object) => {
    expect(validateCreate(type, complete(type, object))).toEqual([]);
  });

  test.each(
    titled<[object, string]>([
      [Kinds.Services, { spec: { externalIPs: ['127.0.0.1'], ports } }, 'spec.externalIPs[0]'],
      [Kinds.Services, { spec: { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.6'], ports } }, 'spec.clusterIPs[0]'],
      [Kinds.Services, { spec: { clusterIPs: ['10.96.0.5', '10.96.0.6'], ports } }, 'spec.clusterIPs'],
      [Kinds.Services, { spec: { ipFamilies: ['IPv6'], ports } }, 'spec.ipFamilies[0]'],
      [Kinds.Services, { spec: { ipFamilyPolicy: 'RequireDualStack', ports } }, 'spec.ipFamilyPolicy'],
      [Kinds.Services, { spec: { externalTrafficPolicy: 'Local', ports } }, 'spec.externalTrafficPolicy'],
      [Kinds.Services, { spec: { healthCheckNodePort: 31000, ports } }, 'spec.healthCheckNodePort'],
      [Kinds.Services, { spec: { loadBalancerClass: 'a.b/c', ports } }, 'spec.loadBalancerClass'],
      [
        Kinds.Services,
        { spec: { ...balancer, loadBalancerSourceRanges: ['10.0.0.0'] } },
        'spec.loadBalancerSourceRanges[0]',
      ],
      [Kinds.Services, { spec: { ports: [{ port: 80, nodePort: 30000 }] } }, 'spec.ports[0].nodePort'],
      [Kinds.Endpoints, subset({ addresses: [{ ip: 'a' }] }), 'subsets[0].addresses[0].ip'],
      [Kinds.Endpoints, subset({ addresses: [] }), 'subsets[0]'],
      [Kinds.Endpoints, subset({ ports: [{ port: 0 }] }), 'subsets[0].ports[0].port'],
      [Kinds.Endpoints, subset({ ports: [{ port: 1, name: 'a' }, { port: 2 }] }), 'subsets[0].ports[1].name'],
      [Kinds.EndpointSlices, slice('fd00::1'), 'endpoints[0].addresses[0]'],
      [Kinds.ResourceQuotas, { spec: { hard: { odd: '1' } } }, 'spec.hard[odd]'],
      [Kinds.ResourceQuotas, { spec: { hard: { pods: '500m' } } }, 'spec.hard[pods]'],
      [Kinds.ResourceQuotas, { spec: { scopes: ['Odd'] } }, 'spec.scopes'],
      [Kinds.LimitRanges, limit({ type: 'Odd' }), 'spec.limits[0].type'],
      [Kinds.LimitRanges, limit({ type: 'Pod', default: { cpu: '1' } }), 'spec.limits[0].default'],
      [Kinds.LimitRanges, limit({ type: 'PersistentVolumeClaim' }), 'spec.limits[0].limits'],
      [Kinds.LimitRanges, limit({ min: { cpu: '2' }, max: { cpu: '1' } }), 'spec.limits[0].min[cpu]'],
      [Kinds.LimitRanges, { spec: { limits: [{ type: 'Pod' }, { type: 'Pod' }] } }, 'spec.limits[1].type'],
      [Kinds.RoleBindings, { roleRef, subjects: [{ kind: 'User', apiGroup: 'x', name: 'u' }] }, 'subjects[0].apiGroup'],
      [
        Kinds.ClusterRoleBindings,
        { roleRef: { ...roleRef, kind: 'ClusterRole' }, subjects: [{ kind: 'ServiceAccount', name: 's' }] },
        'subjects[0].namespace',
      ],
    ]),
  )('of %s is refused', (_kind, type, object, field) => {
    expect(fieldsOf(validateCreate(type, complete(type, object)))).toEqual([field]);
  });
});

describe('V1 a changed object', () => {
  test.each(
    titled<[object, object, string]>([
      [Kinds.Services, { spec: balancer }, { spec: { loadBalancerClass: 'x.y/z' } }, 'spec.loadBalancerClass'],
      [
        Kinds.ResourceQuotas,
        { spec: { scopes: ['BestEffort'] } },
        { spec: { scopes: ['Terminating'] } },
        'spec.scopes',
      ],
      [Kinds.ConfigMaps, {}, { metadata: { deletionGracePeriodSeconds: 0 } }, 'metadata.deletionGracePeriodSeconds'],
    ]),
  )('of %s is refused', (_kind, type, before, change, field) => {
    const old = complete(type, before);
    expect(fieldsOf(validateUpdate(type, mergePatch(old, change) as typeof old, old))).toEqual([field]);
  });

  test.each(
    titled<[object, object, readonly string[]]>([
      [Kinds.Pods, { qosClass: 'Burstable' }, { qosClass: 'Guaranteed' }, ['status.qosClass']],
      [Kinds.Pods, {}, { podIPs: [{ ip: 'a' }] }, ['status.podIPs[0].ip']],
      [Kinds.Pods, {}, { nominatedNodeName: 'A' }, ['status.nominatedNodeName']],
      [Kinds.Deployments, {}, { replicas: 1, updatedReplicas: 2 }, ['status.updatedReplicas']],
      [Kinds.Deployments, {}, { unavailableReplicas: -1 }, ['status.unavailableReplicas']],
      [Kinds.ReplicaSets, {}, { replicas: 2, availableReplicas: 1 }, ['status.availableReplicas']],
      [Kinds.StatefulSets, { collisionCount: 2 }, { collisionCount: 1 }, ['status.collisionCount']],
      [Kinds.PodDisruptionBudgets, {}, { expectedPods: -1 }, ['status.expectedPods']],
      [Kinds.ResourceQuotas, {}, { used: { pods: '0.5' } }, ['status.used[pods]']],
      [Kinds.PersistentVolumes, {}, { phase: 'Bound' }, []],
    ]),
  )('status of %s', (_kind, type, before, after, fields) => {
    const old = complete(type, { status: before });
    expect(fieldsOf(validateUpdate(type, { ...old, ...{ status: after } }, old, 'status'))).toEqual(fields);
  });
});
