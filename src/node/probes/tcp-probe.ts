import net from 'node:net';

import { failure, messageOf, type ProbeOutcome, success } from './outcome.ts';

/** P2: success is a connection that opens. */
export function tcpProbe(
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return new Promise((resolve) => {
    const socket = net.connect({ ...address });
    const end = (outcome: ProbeOutcome): void => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      resolve(outcome);
    };
    const onAbort = (): void => end(failure(`dial tcp ${address.host}:${address.port}: ${messageOf(signal.reason)}`));
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => end(success()));
    socket.on('error', (error) => end(failure(`dial tcp ${address.host}:${address.port}: ${messageOf(error)}`)));
  });
}
