import { once } from 'node:events';
import net from 'node:net';

import { apiError, notFound } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/types.ts';
import { Pods } from '../../api/kinds.ts';
import type { PodStreams } from '../../client/pod-streams.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { PodManager } from './pod-manager.ts';
import type { PodRecord } from './pod-record.ts';

/** P7: what the API server asks a node for. */
export function podStreams(runtime: Runtime, manager: PodManager): PodStreams {
  const recordOf = (pod: Pod): PodRecord => {
    const record = manager.record(pod.metadata.uid);
    if (record === undefined) throw notFound(Pods, pod.metadata.name);
    return record;
  };
  const running = (pod: Pod, container: string): string => {
    const { runtime: found } = recordOf(pod);
    const status = found?.containers.find(({ name }) => name === container);
    if (!found?.alive || status?.state !== 'running') {
      throw apiError('BadRequest', `container ${container} in pod ${pod.metadata.name} is not running`);
    }
    return pod.metadata.uid;
  };
  return {
    async logs(pod, options) {
      const started = recordOf(pod).runtime?.containers.some(({ name }) => name === options.container);
      if (!started) {
        throw apiError(
          'BadRequest',
          `container "${options.container}" in pod "${pod.metadata.name}" is waiting to start`,
        );
      }
      return runtime.logs(pod.metadata.uid, options);
    },
    async exec(pod, { container, ...options }) {
      return runtime.exec(running(pod, container), container, options);
    },
    async attach(pod, { container, ...options }) {
      return runtime.attach(running(pod, container), container, options);
    },
    async portForward(pod, port) {
      const { ips: [host] = [], ports } = recordOf(pod).runtime ?? {};
      if (host === undefined) throw apiError('BadRequest', `pod ${pod.metadata.name} has no address`);
      try {
        return await connected(net.connect({ host, port: ports?.[port] ?? port }));
      } catch (error) {
        // Some listen at `localhost` only, and are forwarded to nevertheless.
        const inside = await runtime.connectInside?.(pod.metadata.uid, port);
        if (inside !== undefined) return inside;
        const reason = error instanceof Error ? error.message : String(error);
        throw apiError('InternalError', `cannot connect to port ${port} of pod ${pod.metadata.name}: ${reason}`);
      }
    },
  };
}

/** Resolves when the socket is connected. */
async function connected(socket: net.Socket): Promise<net.Socket> {
  await once(socket, 'connect');
  return socket;
}
