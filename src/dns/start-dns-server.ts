import { EndpointSlices, Pods, Services } from '../api/kinds.ts';
import type { KubernetesObject } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { InformerSet } from '../client/informer.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import type { ServerAddress } from './forwarder.ts';
import { type DnsServer, serveZone } from './server.ts';
import { ZoneIndex } from './zone-index.ts';

export interface DnsServerOptions {
  readonly informers: InformerSet;
  /** Default `cluster.local`. */
  readonly zone?: string;
  /** Where to listen over UDP and TCP; port 0 takes a free one. */
  readonly listen: readonly ServerAddress[];
  /** Who knows all other names (N8): the machine's resolvers (default), these, or nobody. */
  readonly upstream?: 'system' | readonly ServerAddress[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Starts the name server of a cluster's zone, fed by its services, EndpointSlices and pods. Answers come at once; names
 * appear as the informers bring them. Throws `DnsListenError` when an address cannot be listened on.
 *
 * @example
 * const dns = await startDnsServer({ informers, listen: [{ address: '127.0.0.1', port: 10053 }], clock, random, logger });
 * await dns.addListener({ address: '10.244.0.1', port: 53 });
 */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { informers, zone = 'cluster.local', upstream = 'system', clock, random, logger } = options;
  const data = new ZoneIndex(zone, Math.floor(clock.now() / 1000));
  const server = await serveZone({ data, listen: options.listen, upstream, clock, random, logger });
  const tellNameServer = (): void => {
    data.nameServerAddresses = [...new Set(server.addresses.map(({ address }) => address))].filter(
      (address) => address !== '0.0.0.0' && address !== '::',
    );
  };
  tellNameServer();

  const follow = <T extends KubernetesObject>(
    type: ResourceType<T>,
    changed: (before: T | undefined, after: T | undefined) => void,
  ): (() => void) =>
    informers.get(type).subscribe((changes) => {
      for (const change of changes) {
        if (change.type === 'deleted') changed(change.object, undefined);
        else changed(change.type === 'updated' ? change.previous : undefined, change.object);
      }
    });
  const unsubscribe = [
    follow(Services, (before, after) => data.serviceChanged(before, after)),
    follow(EndpointSlices, (before, after) => data.sliceChanged(before, after)),
    follow(Pods, (before, after) => data.podChanged(before, after)),
  ];

  return {
    get addresses() {
      return server.addresses;
    },
    async addListener(address) {
      const bound = await server.addListener(address);
      tellNameServer();
      return bound;
    },
    async close() {
      for (const stop of unsubscribe) stop();
      await server.close();
    },
  };
}
