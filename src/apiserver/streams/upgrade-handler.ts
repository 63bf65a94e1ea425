import type { Duplex } from 'node:stream';

import { apiError } from '../../api/errors.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { flag } from '../request-options.ts';
import { spdyEnd, type WantedStreams, webSocketEnd } from './exec-ends.ts';
import { chooseContainer, type PodTarget } from './pod-target.ts';
import { forwardOverChannels, forwardOverSpdy } from './port-forward.ts';
import { runSession } from './remote-end.ts';
import { SpdySession } from './spdy/spdy-session.ts';
import {
  acceptTunnel,
  acceptWebSocket,
  type Connection,
  EXEC_PROTOCOLS,
  FORWARD_PROTOCOLS,
  protocolsOf,
  TUNNEL_PROTOCOL,
  wants,
} from './web-sockets.ts';

/** A connection that wants to become something else than HTTP, and what it is about. */
export interface Upgrade extends Connection {
  readonly query: URLSearchParams;
  readonly target: PodTarget;
}

const SPDY_EXEC_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io'];
const SPDY_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** Ports of one connection: each has two channels, whose numbers are a byte. */
const MAXIMUM_PORTS = 128;

/** Takes over connections for exec, attach and port-forward. Refusals are thrown as `ApiError`s before anything is written. */
export class UpgradeHandler {
  readonly #logger: Logger;
  readonly #clock: Clock;

  constructor(logger: Logger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  async serve(upgrade: Upgrade, subresource: string): Promise<void> {
    if (subresource === 'portforward') return this.#portForward(upgrade);
    return this.#exec(upgrade, subresource);
  }

  async #exec(upgrade: Upgrade, subresource: string): Promise<void> {
    const { query, target } = upgrade;
    const { pod, streams } = target;
    const wanted = wantedStreams(query);
    const options = { container: chooseContainer(pod, query.get('container')), stdin: wanted.stdin, tty: wanted.tty };
    const command = query.getAll('command');
    if (subresource === 'exec' && command.length === 0) {
      throw apiError('BadRequest', 'you must specify at least one command for the container');
    }
    const start = () =>
      subresource === 'exec' ? streams.exec(pod, { ...options, command }) : streams.attach(pod, options);
    if (wants(upgrade.request, 'websocket')) {
      const socket = await acceptWebSocket(upgrade, EXEC_PROTOCOLS);
      return runSession(start, webSocketEnd(socket, wanted));
    }
    const { take, end } = spdyEnd(() => session, wanted, this.#clock);
    const session = new SpdySession(acceptSpdy(upgrade, SPDY_EXEC_PROTOCOLS), { onStream: take });
    return runSession(start, await end);
  }

  async #portForward(upgrade: Upgrade): Promise<void> {
    const { request, query, target } = upgrade;
    if (!wants(request, 'websocket')) {
      forwardOverSpdy(acceptSpdy(upgrade, [SPDY_FORWARD_PROTOCOL]), target, this.#logger);
      return;
    }
    if (protocolsOf(request.headers['sec-websocket-protocol']).includes(TUNNEL_PROTOCOL)) {
      forwardOverSpdy(await acceptTunnel(upgrade), target, this.#logger);
      return;
    }
    const ports = query.getAll('ports').flatMap((list) => list.split(',').map(Number));
    const areValid = ports.every((port) => Number.isInteger(port) && port >= 1 && port <= 65_535);
    if (ports.length === 0 || ports.length > MAXIMUM_PORTS || !areValid) {
      throw apiError(
        'BadRequest',
        `query parameter "ports" is required and must name at most ${MAXIMUM_PORTS} ports from 1 to 65535`,
      );
    }
    forwardOverChannels(await acceptWebSocket(upgrade, FORWARD_PROTOCOLS), target, ports);
  }
}

function wantedStreams(query: URLSearchParams): WantedStreams {
  const tty = flag(query, 'tty');
  const wanted = {
    stdin: flag(query, 'stdin'),
    stdout: flag(query, 'stdout'),
    stderr: flag(query, 'stderr') && !tty,
    tty,
  };
  if (!wanted.stdin && !wanted.stdout && !wanted.stderr) {
    throw apiError('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
  }
  return wanted;
}

/** Answers that SPDY is spoken from here on. */
function acceptSpdy({ request, socket, head }: Upgrade, supported: readonly string[]): Duplex {
  if (!wants(request, 'spdy/3.1'))
    throw apiError('BadRequest', 'unable to upgrade: missing upgrade headers in request');
  const offered = protocolsOf(request.headers['x-stream-protocol-version']);
  const protocol = supported.find((each) => offered.includes(each));
  if (protocol === undefined) {
    throw apiError('Forbidden', `unable to upgrade: the protocols supported are ${supported.join(', ')}`);
  }
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  );
  if (head.length > 0) socket.unshift(head);
  return socket;
}
