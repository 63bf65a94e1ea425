import { networkInterfaces } from 'node:os';

import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { Forwarder, isOwnAddress, type ServerAddress, systemResolvers } from './forwarder.ts';
import { formatAddress, type Listener, listen } from './listener.ts';
import { Responder } from './responder.ts';
import type { ZoneData } from './zone.ts';

export interface DnsSocketsOptions {
  readonly data: ZoneData;
  /** Where to listen; port 0 takes a free one. */
  readonly listen: readonly ServerAddress[];
  /** Who knows all other names: the machine's resolvers, these, or nobody. */
  readonly upstream: 'system' | readonly ServerAddress[];
  /** How long one upstream resolver may take, in milliseconds; default 2000. */
  readonly upstreamTimeoutMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** A running DNS server. */
export interface DnsServer {
  /** What it listens on now, with the real ports. */
  readonly addresses: readonly ServerAddress[];
  /** Listens on one more address, such as the gateway of a pod network. Throws `DnsListenError`. */
  addListener(address: ServerAddress): Promise<ServerAddress>;
  close(): Promise<void>;
}

/** Serves a zone on sockets. Throws `DnsListenError` when an address cannot be listened on; nothing is left open then. */
export async function serveZone(options: DnsSocketsOptions): Promise<DnsServer> {
  const { data, clock, random, logger, upstreamTimeoutMs: timeoutMs = 2000 } = options;
  const listeners: Listener[] = [];
  const addresses = (): readonly ServerAddress[] => listeners.map((listener) => listener.address);

  const upstream = options.upstream;
  const candidates = upstream === 'system' ? systemResolvers(clock) : async () => upstream;
  const servers = async (): Promise<readonly ServerAddress[]> => {
    const local = localAddresses();
    // N8: a question that came back to us would go round for ever.
    return (await candidates()).filter((server) => !isOwnAddress(server, addresses(), local));
  };
  const forwarder =
    upstream === 'system' || upstream.length > 0 ? new Forwarder({ servers, clock, random, timeoutMs }) : undefined;
  const responder = new Responder({ data, logger, ...(forwarder && { forwarder }) });

  const server: DnsServer = {
    get addresses() {
      return addresses();
    },
    async addListener(address) {
      const listener = await listen(address, {
        handle: (packet, via) => responder.respond(packet, via),
        clock,
        logger,
      });
      listeners.push(listener);
      logger.info('DNS is listening', { address: formatAddress(listener.address) });
      return listener.address;
    },
    async close() {
      forwarder?.close();
      await Promise.all(listeners.splice(0).map((listener) => listener.close()));
    },
  };
  try {
    for (const address of options.listen) await server.addListener(address);
  } catch (error) {
    await server.close();
    throw error;
  }
  return server;
}

function localAddresses(): readonly string[] {
  return Object.values(networkInterfaces()).flatMap((own) => (own ?? []).map(({ address }) => address));
}
