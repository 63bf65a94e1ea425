import type { ContainerConfig, PodConfig } from '../../src/node/runtimes/runtime.ts';

export function crashPod(lock: string): PodConfig;
export function crashContainer(witness: string, attempt?: number): ContainerConfig;
