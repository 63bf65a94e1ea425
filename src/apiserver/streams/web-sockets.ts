import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { WebSocket, WebSocketServer } from 'ws';

import { apiError } from '../../api/errors.ts';
import { BEARER_PROTOCOL } from '../authentication/authenticator.ts';

/** A connection that wants to become something else than HTTP. */
export interface Connection {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export const CHANNEL_PROTOCOLS = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];
/** SPDY over a WebSocket: what clients try first to forward ports. */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';
export const BASE64_PROTOCOL = 'base64.binary.k8s.io';
/** The ones we like best come first. */
const KNOWN = [...CHANNEL_PROTOCOLS, BASE64_PROTOCOL];
/** One message from a client, as the largest that is useful. */
const MAXIMUM_MESSAGE_BYTES = 4 * 1024 * 1024;

interface Library {
  readonly server: WebSocketServer;
  readonly asStream: (socket: WebSocket) => Duplex;
}

let library: Promise<Library> | undefined;

/** The library is loaded when the first client asks for it. */
function webSockets(): Promise<Library> {
  library ??= import('ws').then(({ createWebSocketStream, WebSocketServer }) => ({
    server: new WebSocketServer({
      noServer: true,
      maxPayload: MAXIMUM_MESSAGE_BYTES,
      handleProtocols: (offered) =>
        KNOWN.find((protocol) => offered.has(protocol)) ??
        [...offered].find((protocol) => !protocol.startsWith(BEARER_PROTOCOL)) ??
        false,
    }),
    asStream: (socket: WebSocket) => createWebSocketStream(socket),
  }));
  return library;
}

/** Takes over a connection as a WebSocket; `supported`: one of these protocols must be offered, by default none. */
export async function acceptWebSocket(
  { request, socket, head }: Connection,
  supported: readonly string[] = [],
): Promise<WebSocket> {
  const offered = protocolsOf(request.headers['sec-websocket-protocol']);
  if (supported.length > 0 && !supported.some((protocol) => offered.includes(protocol))) {
    throw apiError('BadRequest', `unable to upgrade: the subprotocols supported are ${supported.join(', ')}`);
  }
  const { server } = await webSockets();
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve));
}

/**
 * Takes over a connection that offers `TUNNEL_PROTOCOL`; resolves with what the WebSocket carries. The library is not
 * told of the name: it has a `/`, which names of protocols must not have, and it would refuse it.
 */
export async function acceptTunnel({ request, socket, head }: Connection): Promise<Duplex> {
  const { server, asStream } = await webSockets();
  const { 'sec-websocket-protocol': _, ...headers } = request.headers;
  request.headers = headers;
  const nameProtocol = (lines: string[]): void => void lines.push(`Sec-WebSocket-Protocol: ${TUNNEL_PROTOCOL}`);
  return new Promise((resolve) => {
    server.once('headers', nameProtocol);
    server.handleUpgrade(request, socket, head, (accepted) => resolve(asStream(accepted)));
    server.off('headers', nameProtocol);
  });
}

/** Whether a connection wants to become a `protocol` (lower case). */
export function wants(request: IncomingMessage, protocol: string): boolean {
  return (request.headers.upgrade ?? '').toLowerCase() === protocol;
}

/** The items of a header that lists protocols. */
export function protocolsOf(header: string | string[] | undefined): readonly string[] {
  return [header ?? []].flat().flatMap((value) => value.split(',').map((protocol) => protocol.trim()));
}
