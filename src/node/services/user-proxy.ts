import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Random } from '../../platform/random.ts';
import { waitingAt } from './bound-ports.ts';
import type { ProxiedPort } from './proxied-port.ts';
import type { ServiceBackend } from './service-backend.ts';
import type { ReachablePort } from './service-ports.ts';
import { TargetChoice } from './target-choice.ts';
import { someAnswers, tcpProxy } from './tcp-proxy.ts';
import { udpProxy } from './udp-proxy.ts';
import type { Unreachable } from './unreachable.ts';

export interface UserProxyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Where node ports are opened; default `127.0.0.1`. */
  readonly nodePortAddress?: string;
}

/** A place of this machine that is to lead to a port's targets. */
interface Binding {
  readonly address: string;
  readonly number: number;
  readonly port: ReachablePort;
}

interface Listener {
  readonly proxy: ProxiedPort;
  readonly choice: TargetChoice;
}

/**
 * Makes services reachable without root: listens on their addresses, which must be of the machine (any of 127.0.0.0/8 on
 * Linux), and passes on what comes.
 */
export function userProxy(options: UserProxyOptions): ServiceBackend {
  const listeners = new Map<string, Listener>();
  /** All places of one port of a service share what is known of its clients. */
  let choices = new Map<string, TargetChoice>();
  const close = (place: string, { proxy }: Listener): void => {
    listeners.delete(place);
    proxy.close();
  };
  return {
    async apply(ports) {
      choices = new Map(
        ports.map((port) => {
          const choice = choices.get(keyOf(port)) ?? new TargetChoice(port, options);
          choice.port = port;
          return [keyOf(port), choice];
        }),
      );
      const { wanted, unreachable } = bindings(ports, options);
      for (const [place, listener] of listeners) {
        const binding = wanted.get(place);
        if (binding && choices.get(keyOf(binding.port)) === listener.choice) listener.proxy.update();
        else close(place, listener);
      }
      for (const [place, binding] of wanted) {
        const { address, number, port } = binding;
        const choice = choices.get(keyOf(port));
        if (listeners.has(place) || choice === undefined) continue;
        if (port.isHostPort && !(await isThere(port))) {
          // Its program may be about to listen on the very same port, on all addresses: it comes first.
          unreachable.push({ name: port.name, message: 'the pod does not answer yet', isNotYet: true });
          continue;
        }
        try {
          const listen = port.protocol === 'TCP' ? tcpProxy : udpProxy;
          listeners.set(place, { proxy: await listen({ ...options, address, port: number, choice }), choice });
        } catch (error) {
          const message = whyNot(place, binding, error);
          if (message !== undefined) unreachable.push({ name: port.name, message });
        }
      }
      return unreachable;
    },
    isIntact: async () => true,
    async close() {
      for (const [place, listener] of listeners) close(place, listener);
    },
  };
}

function keyOf({ name, protocol }: ReachablePort): string {
  return `${name}/${protocol}`;
}

/** Where each port is to be reached. Two may ask for the same place: the first has it. */
function bindings(
  ports: readonly ReachablePort[],
  { nodePortAddress = '127.0.0.1' }: UserProxyOptions,
): { readonly wanted: ReadonlyMap<string, Binding>; readonly unreachable: Unreachable[] } {
  const wanted = new Map<string, Binding>();
  const unreachable: Unreachable[] = [];
  const add = (port: ReachablePort, address: string, number: number): void => {
    const place = `${address}:${number}/${port.protocol}`;
    const first = wanted.get(place);
    if (first === undefined) wanted.set(place, { address, number, port });
    else unreachable.push({ name: port.name, message: `${place} leads to ${first.port.name} already` });
  };
  for (const port of ports) {
    // The kernel refuses at once what nobody listens for, and who only tries whether somebody is there hears the truth.
    if (port.targets.length === 0) continue;
    for (const address of port.addresses) add(port, address, port.port);
    if (port.nodePort !== undefined) add(port, nodePortAddress, port.nodePort);
  }
  return { wanted, unreachable };
}

/** Whether a program of the pod waits for what is to lead there. */
async function isThere({ protocol, targets }: ReachablePort): Promise<boolean> {
  // No program need answer a datagram that is sent to see whether it is there.
  return protocol === 'UDP' ? targets.some((target) => waitingAt('UDP', target) !== 'nowhere') : someAnswers(targets);
}

/** Undefined: nobody need be told. */
function whyNot(place: string, binding: Binding, error: unknown): string | undefined {
  const { port } = binding;
  // Pods are told the address of the API server itself.
  if (port.name.startsWith('default/kubernetes:')) return undefined;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE':
      return isItsOwn(binding) ? undefined : `cannot listen on ${place}: another program has it (EADDRINUSE)`;
    case 'EACCES':
      return `cannot listen on ${place}: ports below 1024 take root on this machine (net.ipv4.ip_unprivileged_port_start)`;
    case 'EADDRNOTAVAIL':
      if (port.isHostPort) return `cannot listen on ${place}: this machine has no such address`;
      return (
        `cannot listen on ${place}: it takes root to have such an address on this machine; ` +
        'a headless service (clusterIP: None) and its names, or a node port, work without'
      );
    default:
      return `cannot listen on ${place}: ${String(error)}`;
  }
}

/** The program of the pod listens there by itself, as it does on all addresses. */
function isItsOwn({ address, number, port: { isHostPort, protocol, targets } }: Binding): boolean {
  if (!isHostPort) return false;
  return targets.some(
    (target) => target.port === number && (target.address === address || waitingAt(protocol, target) !== 'there'),
  );
}
