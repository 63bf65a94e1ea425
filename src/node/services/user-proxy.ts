import { createHash } from 'node:crypto';
import net from 'node:net';

import type { Logger } from '../../platform/logger.ts';
import type { Random } from '../../platform/random.ts';
import type { ServiceBackend, Unreachable } from './service-backend.ts';
import type { ReachablePort, Target } from './service-ports.ts';

/** A connection that is not made within this time is tried with the next target. */
const CONNECT_TIMEOUT_MS = 2_000;
/** Open at the same time on one port of a service; further ones are closed at once. */
const MAX_CONNECTIONS = 1024;

export interface UserProxyOptions {
  readonly random: Random;
  readonly logger: Logger;
  /** Where node ports are opened; default `127.0.0.1`. */
  readonly nodePortAddress?: string;
}

interface Listener {
  readonly server: net.Server;
  port: ReachablePort;
}

/**
 * Makes services reachable without root: listens on their addresses, which must be of the machine (any of 127.0.0.0/8 on
 * Linux), and copies bytes. TCP only.
 */
export function userProxy(options: UserProxyOptions): ServiceBackend {
  const listeners = new Map<string, Listener>();
  const close = (key: string, { server }: Listener): void => {
    listeners.delete(key);
    // Connections that are there go on to their end.
    server.close();
  };
  return {
    async apply(ports) {
      const wanted = new Map(
        ports.flatMap((port) => bindings(port, options).map((binding) => [binding, port] as const)),
      );
      for (const [key, listener] of listeners) if (!wanted.has(key)) close(key, listener);
      const unreachable: Unreachable[] = [];
      for (const [key, port] of wanted) {
        const known = listeners.get(key);
        if (known) {
          known.port = port;
          continue;
        }
        if (port.protocol !== 'TCP') {
          unreachable.push({
            name: port.name,
            message: `${port.protocol} needs the kernel's packet filter, and that needs root`,
          });
          continue;
        }
        if (port.isHostPort && !(await answers(port.targets))) {
          // Its program may be about to listen on the very same port, on all addresses: it comes first.
          unreachable.push({ name: port.name, message: 'the pod does not answer yet', isNotYet: true });
          continue;
        }
        try {
          listeners.set(key, await listen(key, port, options));
        } catch (error) {
          if (port.isHostPort && isItsOwn(port, error)) continue;
          // Pods are told the address of the API server itself.
          if (port.name.startsWith('default/kubernetes:')) continue;
          unreachable.push({
            name: port.name,
            message: whyNot(key, error),
          });
        }
      }
      return unreachable;
    },
    async close() {
      for (const [key, listener] of listeners) close(key, listener);
    },
  };
}

async function answers(targets: readonly Target[]): Promise<boolean> {
  const sockets = await Promise.all(targets.map((target) => connect(target).catch(() => undefined)));
  for (const socket of sockets) socket?.on('error', () => {}).destroy();
  return sockets.some((socket) => socket !== undefined);
}

/** The program listens there by itself, on all addresses. */
function isItsOwn({ port, targets }: ReachablePort, error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'EADDRINUSE' && targets.some((target) => target.port === port);
}

function whyNot(key: string, error: unknown): string {
  if ((error as NodeJS.ErrnoException).code === 'EACCES')
    return `cannot listen on ${key}: ports below 1024 take root on this machine (net.ipv4.ip_unprivileged_port_start)`;
  if ((error as NodeJS.ErrnoException).code !== 'EADDRNOTAVAIL') return `cannot listen on ${key}: ${String(error)}`;
  return (
    `cannot listen on ${key}: it takes root to have such an address on this machine; ` +
    'a headless service (clusterIP: None) and its names, or a node port, work without'
  );
}

/** `address:port` of everything a port of a service is reached at. */
function bindings(
  { addresses, port, nodePort }: ReachablePort,
  { nodePortAddress = '127.0.0.1' }: UserProxyOptions,
): readonly string[] {
  const all = addresses.map((address) => `${address}:${port}`);
  return nodePort === undefined ? all : [...all, `${nodePortAddress}:${nodePort}`];
}

async function listen(key: string, port: ReachablePort, { random, logger }: UserProxyOptions): Promise<Listener> {
  const colon = key.lastIndexOf(':');
  const listener: Listener = {
    server: net.createServer({ allowHalfOpen: true, pauseOnConnect: true }, (client) => {
      const { targets, stickySeconds, name } = listener.port;
      const order =
        stickySeconds !== undefined
          ? rotated(targets, hashOf(client.remoteAddress ?? ''))
          : rotated(targets, random.next());
      client.on('error', () => client.destroy());
      forward(client, order).catch((error) => {
        logger.debug('a connection to a service found no pod', { service: name, error: String(error) });
        client.resetAndDestroy();
      });
    }),
    port,
  };
  listener.server.maxConnections = MAX_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    listener.server.once('error', reject);
    listener.server.listen({ host: key.slice(0, colon), port: Number(key.slice(colon + 1)) }, resolve);
  });
  listener.server.on('error', (error) =>
    logger.warn('a service port failed', { service: port.name, error: String(error) }),
  );
  return listener;
}

/** Copies both ways between the client and the first target that answers. */
async function forward(client: net.Socket, targets: readonly Target[]): Promise<void> {
  let last: unknown = new Error('the service has no ready pod');
  for (const target of targets) {
    try {
      const upstream = await connect(target);
      if (client.destroyed) {
        upstream.destroy();
        return;
      }
      upstream.on('error', () => client.destroy());
      client.on('error', () => upstream.destroy());
      client.on('close', () => upstream.destroy());
      upstream.on('close', () => client.destroy());
      client.pipe(upstream);
      upstream.pipe(client);
      return;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

function connect({ address, port }: Target): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, allowHalfOpen: true });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** The targets from one on, chosen by `fraction` (0 to 1), and then the others. */
function rotated(targets: readonly Target[], fraction: number): readonly Target[] {
  const first = Math.floor(fraction * targets.length);
  return [...targets.slice(first), ...targets.slice(0, first)];
}

function hashOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
