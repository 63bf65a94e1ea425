import { type Limitation, StartError } from '../runtime.ts';
import { canListen, canReceive } from './can-listen.ts';
import { claimOne } from './machine-claims.ts';
import { NumberPool } from './number-pool.ts';
import type { PodNetwork, PodPlaces } from './pod-network.ts';

const ADDRESS = '127.0.0.1';

/** Above what programs usually listen on, below node ports and what systems give out by themselves. */
const FIRST_PORT = 20_000;
/** Enough for a node of 110 pods with two ports each. */
const PORTS_OF_NODE = 250;
const NODES = 40;

/** The first of {@link PORTS_OF_NODE} ports that no other node of this machine has. */
export function choosePorts(directory: string): number {
  const number = claimOne('ports', directory, NODES);
  if (number === undefined) throw new Error(`other nodes of this machine have all ports that pods may have`);
  return FIRST_PORT + number * PORTS_OF_NODE;
}

/**
 * All pods have the machine's one address. Each port that a pod declares is another one of the machine, its own for as
 * long as the pod lives.
 */
export function sharedAddressNetwork(firstPort: number): PodNetwork {
  return {
    cidr: `${ADDRESS}/32`,
    gateway: ADDRESS,
    places: portsOf(new NumberPool(firstPort, PORTS_OF_NODE)),
    connect: async () => ({}),
    disconnect: async () => {},
    remove: async () => {},
  };
}

function portsOf(pool: NumberPool): PodPlaces {
  const releaseAll = (numbers: readonly number[]): void => {
    for (const number of numbers) pool.release(number);
  };
  const isFree = async (port: number): Promise<boolean> =>
    (await canListen(ADDRESS, port)) && (await canReceive(ADDRESS, port));
  /** One that no program of the machine has, be it for TCP or UDP: pods may declare theirs for both. */
  const freePort = async (): Promise<number | undefined> => {
    const taken: number[] = [];
    let port = pool.allocate();
    while (port !== undefined && !(await isFree(port))) {
      taken.push(port);
      port = pool.allocate();
    }
    releaseAll(taken);
    return port;
  };
  return {
    async allocate(declared) {
      const ports: Record<number, number> = {};
      for (const number of declared) {
        const port = await freePort();
        if (port === undefined) {
          releaseAll(Object.values(ports));
          throw new StartError(
            'CreateContainerError',
            `no port is left of the ${PORTS_OF_NODE} that pods of a node share`,
          );
        }
        ports[number] = port;
      }
      return { address: ADDRESS, ports };
    },
    claim({ ports = {} }) {
      const claimed: number[] = [];
      for (const port of Object.values(ports)) {
        if (pool.claim(port)) claimed.push(port);
        else {
          releaseAll(claimed);
          return false;
        }
      }
      return true;
    },
    release: ({ ports = {} }) => releaseAll(Object.values(ports)),
  };
}

export const SHARED_ADDRESS: Limitation = {
  reason: 'SharedAddress',
  message:
    `pods share the network of this machine and its address ${ADDRESS}: each port that a container declares is another ` +
    'one of the machine, which its program has to listen on ($BERTH_PORT_<NUMBER>, $BERTH_PORT_<NAME>), and which ' +
    'others find by SRV records',
};
