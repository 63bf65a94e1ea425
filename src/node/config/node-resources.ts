import fs from 'node:fs/promises';

import type { Container, Pod, Service } from '../../api/generated/types.ts';
import type { ContainerKind } from '../pod/container-view.ts';
import { NotReadyError, type PodResources } from '../pod/pod-resources.ts';
import type { ContainerConfig, PodConfig, PodStatus as RuntimePod } from '../runtimes/runtime.ts';
import type { PodVolumes } from '../volumes/pod-volumes.ts';
import { containerConfig } from './container-config.ts';
import type { PodFacts } from './downward-api.ts';
import { containerEnvironment } from './environment.ts';
import { type NodeDns, podConfig } from './pod-config.ts';
import { portEnvironment } from './port-environment.ts';
import type { References } from './references.ts';
import { type ApiAddress, serviceEnvironment } from './service-environment.ts';
import { unsupported } from './unsupported.ts';

const DEFAULT_TERMINATION_MESSAGE_PATH = '/dev/termination-log';

export interface NodeResourcesOptions {
  readonly dns: NodeDns;
  readonly volumes: PodVolumes;
  readonly references: References;
  /** The services of a namespace. */
  readonly services: (namespace: string) => readonly Service[];
  /** Where pods reach the API when they do not reach services. */
  readonly api?: ApiAddress;
  readonly hostIPs: readonly string[];
  readonly allocatable: () => Readonly<Record<string, string>>;
}

/** Resolves pods with the API's objects and this machine's directories. */
export class NodeResources implements PodResources {
  readonly #options: NodeResourcesOptions;

  constructor(options: NodeResourcesOptions) {
    this.#options = options;
  }

  async prepare(pod: Pod): Promise<PodConfig> {
    const { dns, volumes } = this.#options;
    const beyond = unsupported(pod);
    if (beyond !== undefined)
      throw new NotReadyError('FailedCreatePodSandBox', `${beyond} are not supported by this node`);
    return podConfig(pod, dns, await volumes.prepare(pod, this.#facts([])));
  }

  async container(pod: Pod, container: Container, attempt: number, runtime: RuntimePod): Promise<ContainerConfig> {
    const { volumes, references, services } = this.#options;
    const facts = this.#facts(runtime.ips);
    const { namespace = 'default' } = pod.metadata;
    const links = pod.spec.enableServiceLinks ?? true;
    const fromServices = serviceEnvironment(services, namespace, links, this.#options.api);
    const ports = portEnvironment(pod, container, runtime.ports);
    const own = await containerEnvironment(pod, container, fromServices, ports, references, facts);
    const env = { HOSTNAME: podConfig(pod, this.#options.dns, []).hostname, ...own };
    const terminationMessagePath = await volumes.ownFile(pod.metadata.uid, `${container.name}-${attempt}`);
    const messages = {
      hostPath: terminationMessagePath,
      mountPath: container.terminationMessagePath ?? DEFAULT_TERMINATION_MESSAGE_PATH,
      readOnly: false,
    };
    const mounts = [...(await volumes.mounts(pod, container, env, facts)), messages];
    return containerConfig(pod, container, {
      kind: kindOf(pod, container),
      attempt,
      env,
      mounts,
      terminationMessagePath,
    });
  }

  /** Writes the volumes that the API's objects fill as those are now. */
  async refresh(pod: Pod, ips: readonly string[]): Promise<void> {
    await this.#options.volumes.refresh(pod, this.#facts(ips));
  }

  release(podUid: string): Promise<void> {
    return this.#options.volumes.release(podUid);
  }

  #facts(podIPs: readonly string[]): PodFacts {
    const { hostIPs, allocatable } = this.#options;
    return { podIPs, hostIPs, allocatable: allocatable() };
  }
}

function kindOf(pod: Pod, { name }: Container): ContainerKind {
  const init = pod.spec.initContainers?.find((container) => container.name === name);
  if (init) return init.restartPolicy === 'Always' ? 'sidecar' : 'init';
  return pod.spec.ephemeralContainers?.some((container) => container.name === name) ? 'ephemeral' : 'main';
}

export const noHostDns: NodeDns['host'] = { nameservers: [], searches: [] };

/** What the machine's own resolver uses. */
export async function hostDns(): Promise<NodeDns['host']> {
  const lines = (await fs.readFile('/etc/resolv.conf', 'utf8').catch(() => ''))
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const values = (keyword: string) => lines.filter(([first]) => first === keyword).flatMap(([, ...rest]) => rest);
  return { nameservers: values('nameserver'), searches: values('search').filter((search) => search !== '.') };
}
