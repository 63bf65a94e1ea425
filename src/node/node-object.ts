import os from 'node:os';

import type { Node, NodeAddress, NodeCondition, NodeStatus, NodeSystemInfo } from '../api/generated/types.ts';
import type { New } from '../api/meta.ts';
import { timestamp } from '../platform/clock.ts';
import type { Pressures } from './pressure.ts';
import type { Limitation } from './runtimes/runtime.ts';

/** The Kubernetes version whose behaviour the agent has. */
const KUBELET_VERSION = 'v1.36.0-berth';
/** As many pods as the kubelet takes by default. */
const DEFAULT_PODS = 110;
/** Pods that cost next to nothing. */
const SIMULATED_PODS = 10_000;
const SIMULATED_DISK = '1Pi';

export interface NodeDescription {
  readonly name: string;
  readonly addresses: readonly NodeAddress[];
  readonly labels: Readonly<Record<string, string>>;
  readonly podCIDR?: string;
  /** Beside what the machine has, and before it: `{ cpu: '4', memory: '8Gi', pods: '500' }`. */
  readonly capacity: Readonly<Record<string, string>>;
  /** The size of the disk that pods write to, where they do. */
  readonly diskBytes?: number;
  readonly runtime: {
    readonly name: string;
    readonly limitations: readonly Limitation[];
    readonly simulated?: boolean;
  };
}

/** How Node.js calls processors, and how Kubernetes does. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386', ppc64: 'ppc64le' };
const SYSTEMS: Readonly<Record<string, string>> = { win32: 'windows' };

/** The labels every node has. */
export function nodeLabels({ name, labels }: NodeDescription): Readonly<Record<string, string>> {
  return {
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': SYSTEMS[process.platform] ?? process.platform,
    'kubernetes.io/arch': ARCHITECTURES[process.arch] ?? process.arch,
    ...labels,
  };
}

/** The node as it is made when the API does not know it. */
export function newNode(description: NodeDescription): New<Node> {
  const { name, podCIDR } = description;
  return {
    metadata: { name, labels: nodeLabels(description) },
    spec: podCIDR === undefined ? {} : { podCIDR, podCIDRs: [podCIDR] },
  };
}

/** What the agent says about its node. Conditions keep the time of their last change; those of others are kept. */
export function nodeStatus(
  description: NodeDescription,
  before: NodeStatus | undefined,
  readiness: { readonly ready: boolean; readonly reason: string; readonly message: string },
  pressures: Pressures,
  nowMs: number,
): NodeStatus {
  const { runtime } = description;
  const now = timestamp(nowMs);
  const condition = (type: string, status: 'True' | 'False', reason: string, message: string): NodeCondition => {
    const old = before?.conditions?.find((other) => other.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime: since ?? now };
  };
  const { limitations } = runtime;
  const conditions = [
    pressures.MemoryPressure
      ? condition('MemoryPressure', 'True', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    pressures.DiskPressure
      ? condition('DiskPressure', 'True', 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    pressures.PIDPressure
      ? condition('PIDPressure', 'True', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    condition('Ready', readiness.ready ? 'True' : 'False', readiness.reason, readiness.message),
    limitations.length === 0
      ? condition(
          'berth.dev/FullIsolation',
          'True',
          'NoLimitations',
          `the ${runtime.name} runtime can do all it is asked`,
        )
      : condition(
          'berth.dev/FullIsolation',
          'False',
          limitations[0]?.reason ?? '',
          limitations.map(({ message }) => message).join('; '),
        ),
  ];
  const own = new Set(conditions.map(({ type }) => type));
  const capacity = { ...machineCapacity(description), ...description.capacity };
  return {
    ...before,
    addresses: description.addresses,
    capacity,
    allocatable: capacity,
    conditions: [...(before?.conditions ?? []).filter(({ type }) => !own.has(type)), ...conditions],
    nodeInfo: nodeInfo(runtime.name),
  };
}

function machineCapacity({ runtime, diskBytes }: NodeDescription): Readonly<Record<string, string>> {
  const disk = runtime.simulated ? SIMULATED_DISK : diskBytes && `${Math.floor(diskBytes / 1024)}Ki`;
  return {
    cpu: String(os.availableParallelism()),
    memory: `${Math.floor(os.totalmem() / 1024)}Ki`,
    ...(disk && { 'ephemeral-storage': disk }),
    pods: String(runtime.simulated ? SIMULATED_PODS : DEFAULT_PODS),
  };
}

function nodeInfo(runtimeName: string): NodeSystemInfo {
  return {
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    operatingSystem: SYSTEMS[process.platform] ?? process.platform,
    osImage: os.version(),
    kernelVersion: os.release(),
    kubeletVersion: KUBELET_VERSION,
    kubeProxyVersion: '',
    containerRuntimeVersion: `${runtimeName}://1`,
    bootID: '',
    machineID: '',
    systemUUID: '',
  };
}
