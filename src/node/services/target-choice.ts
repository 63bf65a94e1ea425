import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import type { ReachablePort, Target } from './service-ports.ts';

/** Clients remembered for each port of a service. */
const MAX_CLIENTS = 65_536;

interface Known {
  readonly target: Target;
  readonly lastMs: number;
}

/** Which pod a client of one port of a service goes to: any, or with `sessionAffinity` the one it met last. */
export class TargetChoice {
  readonly #clock: Clock;
  readonly #random: Random;
  #port: ReachablePort;
  /** By address; who came last is last. */
  readonly #known = new Map<string, Known>();

  constructor(port: ReachablePort, { clock, random }: { readonly clock: Clock; readonly random: Random }) {
    this.#port = port;
    this.#clock = clock;
    this.#random = random;
  }

  /** What the port is now; clients stay with the pods that are still there. */
  get port(): ReachablePort {
    return this.#port;
  }

  set port(port: ReachablePort) {
    this.#port = port;
  }

  has(target: Target): boolean {
    return this.#port.targets.some((one) => isSame(one, target));
  }

  /** All targets, in the order in which this client is to try them; one that has just refused comes last. */
  order(client: string, refusing?: Target): readonly Target[] {
    const { targets } = this.#port;
    const first = Math.floor(this.#random.next() * targets.length);
    const known = this.#knownTarget(client);
    const rank = (target: Target): number => (isSame(target, refusing) ? 1 : isSame(target, known) ? -1 : 0);
    return [...targets.slice(first), ...targets.slice(0, first)].sort((a, b) => rank(a) - rank(b));
  }

  /** The client has got to this target. */
  met(client: string, target: Target): void {
    if (this.#port.stickySeconds === undefined) return;
    this.#known.delete(client);
    this.#known.set(client, { target, lastMs: this.#clock.now() });
    if (this.#known.size <= MAX_CLIENTS) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      return;
    }
  }

  #knownTarget(client: string): Target | undefined {
    const known = this.#known.get(client);
    if (known === undefined) return undefined;
    const { stickySeconds = 0 } = this.#port;
    return this.#clock.now() - known.lastMs < stickySeconds * 1000 ? known.target : undefined;
  }
}

function isSame(a: Target, b: Target | undefined): boolean {
  return a.address === b?.address && a.port === b.port;
}
