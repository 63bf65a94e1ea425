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

/**
 * How the streams of a command share a WebSocket, the way we like best first. Dashboards use the old ones, in which how
 * it ended is a plain sentence; the last one is that of clients that name none.
 */
export const EXEC_PROTOCOLS = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
  '',
];
export const FORWARD_PROTOCOLS = ['v4.channel.k8s.io', 'v4.base64.channel.k8s.io', ''];
/** SPDY over a WebSocket: what clients try first to forward ports. */
export const TUNNEL_PROTOCOL = 'SPDY/3.1+portforward.k8s.io';
export const BASE64_PROTOCOL = 'base64.binary.k8s.io';
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
    }),
    asStream: (socket: WebSocket) => createWebSocketStream(socket),
  }));
  return library;
}

/**
 * Takes over a connection as a WebSocket. `supported`: the protocols it may have, the one we like best first, `''` for
 * none; by default any.
 */
export async function acceptWebSocket(
  { request, socket, head }: Connection,
  supported?: readonly string[],
): Promise<WebSocket> {
  const protocol = chosenProtocol(protocolsOf(request.headers['sec-websocket-protocol']), supported);
  const { server } = await webSockets();
  // The library is told of the chosen one only, which it takes; a token among the others is none of its business.
  const { 'sec-websocket-protocol': _, ...headers } = request.headers;
  request.headers = { ...headers, ...(protocol !== '' && { 'sec-websocket-protocol': protocol }) };
  return new Promise((resolve) => server.handleUpgrade(request, socket, head, resolve));
}

function chosenProtocol(given: readonly string[], supported?: readonly string[]): string {
  const offered = given.filter((protocol) => protocol !== '' && !protocol.startsWith(BEARER_PROTOCOL));
  const [first = ''] = offered;
  if (supported === undefined) return offered.includes(BASE64_PROTOCOL) ? BASE64_PROTOCOL : first;
  const chosen = supported.find((protocol) => offered.includes(protocol) || protocol === first);
  if (chosen !== undefined) return chosen;
  const names = supported.filter((protocol) => protocol !== '');
  throw apiError('BadRequest', `unable to upgrade: the subprotocols supported are ${names.join(', ')}`);
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
