import type { Container } from '../../api/generated/types.ts';
import type { PodStatus as RuntimePod } from '../runtimes/runtime.ts';

/** Something to connect to, or why there is nothing. */
export type Reach = { readonly host: string; readonly port: number } | { readonly unreachable: string };

/**
 * Where a probe or a hook of a container goes: to a port of its pod, which may be given by its name in the container, or
 * to another host.
 */
export function reach(
  pod: RuntimePod | undefined,
  container: Container,
  to: { readonly host?: string; readonly port: number | string },
): Reach {
  const podAddress = pod?.ips[0];
  const host = to.host || podAddress;
  const port = portNumber(container, to.port);
  if (host === undefined) return { unreachable: 'the pod has no address' };
  if (port === undefined) return { unreachable: `the container has no port named ${JSON.stringify(to.port)}` };
  return { host, port: host === podAddress ? (pod?.ports?.[port] ?? port) : port };
}

function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port);
  if (named) return named.containerPort;
  return /^\d+$/.test(port) ? Number(port) : undefined;
}
