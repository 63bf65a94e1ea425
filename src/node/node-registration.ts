import { isDeepStrictEqual } from 'node:util';

import { isAlreadyExists, isConflict, isNotFound } from '../api/errors.ts';
import type { Lease, Node } from '../api/generated/types.ts';
import { Leases, Nodes } from '../api/kinds.ts';
import { ownerReference } from '../api/owner-references.ts';
import { nodeReadiness } from '../api/taints.ts';
import type { Client } from '../client/client.ts';
import { type Clock, microTimestamp, type Timer } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import { type NodeDescription, newNode, nodeLabels, nodeStatus } from './node-object.ts';
import { type MachineState, PressureGauge } from './pressure.ts';

const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_MS = 40_000;
/** The status is written at least this often, so that its heartbeat says something. */
const STATUS_MS = 300_000;
const MAX_CONFLICTS = 5;

const READY = { ready: true, reason: 'KubeletReady', message: 'the node agent is posting ready status' };

/** Tells the API that the node is there, and goes on telling: the node object, its status, its lease. */
export class NodeRegistration {
  readonly #client: Client;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #description: NodeDescription;
  readonly #leaseMs: number;
  readonly #measure: (() => Promise<MachineState>) | undefined;
  readonly #gauge = new PressureGauge();
  /** What the gauge shows has not been written yet. */
  #untold = false;
  #lease: Lease | undefined;
  #node: Node | undefined;
  #timer: Timer | undefined;
  #statusAtMs = 0;
  #saying: Promise<void> | undefined;
  #stopped = false;

  constructor(options: {
    readonly client: Client;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly description: NodeDescription;
    /** Default 40 s; renewed four times in it. */
    readonly leaseMs?: number | undefined;
    /** What is left of the machine, looked at with every renewal; it never runs short when absent. */
    readonly measure?: (() => Promise<MachineState>) | undefined;
  }) {
    this.#client = options.client;
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#description = options.description;
    this.#leaseMs = options.leaseMs ?? LEASE_MS;
    this.#measure = options.measure;
  }

  /** Registers the node and says that it is ready. */
  async start(): Promise<Node> {
    await this.#look();
    const node = await this.#register();
    [this.#node] = await Promise.all([isReady(node) ? node : this.#writeStatus(node, READY), this.#renew(node)]);
    this.#schedule();
    return this.#node;
  }

  /** Somebody wrote the node: when they say that it is not ready, they had not heard of it and are told better. */
  nodeChanged(node: Node): void {
    if (this.#node === undefined || isReady(node)) return;
    if (Number(node.metadata.resourceVersion) <= Number(this.#node.metadata.resourceVersion)) return;
    this.sayThere().catch((error) => this.#warn(error));
  }

  /** M6: renews the lease, and puts the node's object right when others took it for lost. Rejects when it cannot. */
  sayThere(): Promise<void> {
    this.#saying ??= this.#sayThere().finally(() => {
      this.#saying = undefined;
    });
    return this.#saying;
  }

  async #sayThere(): Promise<void> {
    if (this.#stopped) return;
    const node = await this.#client.get(Nodes, { name: this.#description.name });
    await this.#renew(node);
    this.#node = isReady(node) ? node : await this.#writeStatus(node, READY);
  }

  /** Says that the node is on its way out: nothing new is to come here. */
  async leave(): Promise<void> {
    this.stop();
    if (!this.#node) return;
    const reason = { ready: false, reason: 'NodeShutdown', message: 'the node is shutting down' };
    this.#node = await this.#writeStatus(this.#node, reason);
  }

  /** Says nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #register(): Promise<Node> {
    const { name } = this.#description;
    for (let conflicts = 0; ; conflicts++) {
      try {
        const known = await this.#client.get(Nodes, { name });
        const node = this.#asOwn(known);
        const newest = node === known ? known : await this.#client.update(Nodes, node);
        // What it says may be old: of before a stop, or of the time without contact.
        return await this.#writeStatus(newest, READY);
      } catch (error) {
        if (isConflict(error) && conflicts < MAX_CONFLICTS) continue;
        if (!isNotFound(error)) throw error;
      }
      try {
        // With its status, so that there is no moment in which the node is there and not ready.
        const status = nodeStatus(this.#description, undefined, READY, this.#gauge.pressures, this.#clock.now());
        const created = await this.#client.create(Nodes, { ...newNode(this.#description), status });
        this.#statusAtMs = this.#clock.now();
        return created;
      } catch (error) {
        if (!isAlreadyExists(error) || conflicts >= MAX_CONFLICTS) throw error;
      }
    }
  }

  /** The node with its own labels, and all that users have made of it. */
  #asOwn(known: Node): Node {
    const labels = { ...known.metadata.labels, ...nodeLabels(this.#description) };
    const { podCIDR } = this.#description;
    // The API does not let a range that was given be taken away.
    const free = podCIDR !== undefined && known.spec.podCIDR === undefined;
    const spec = free ? { ...known.spec, podCIDR, podCIDRs: [podCIDR] } : known.spec;
    const node = { ...known, metadata: { ...known.metadata, labels }, spec };
    return isDeepStrictEqual(node, known) ? known : node;
  }

  async #writeStatus(node: Node, readiness: typeof READY): Promise<Node> {
    let newest = node;
    for (let conflicts = 0; ; conflicts++) {
      const nowMs = this.#clock.now();
      const status = nodeStatus(this.#description, newest.status, readiness, this.#gauge.pressures, nowMs);
      try {
        const written = await this.#client.update(Nodes, { ...newest, status }, { subresource: 'status' });
        this.#statusAtMs = nowMs;
        this.#untold = false;
        return written;
      } catch (error) {
        if (!isConflict(error) || conflicts >= MAX_CONFLICTS) throw error;
      }
      newest = await this.#client.get(Nodes, { name: node.metadata.name });
    }
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(this.#leaseMs / 4, () => {
      void this.#beat().then(() => this.#schedule());
    });
  }

  async #beat(): Promise<void> {
    try {
      if (this.#node) await this.#renew(this.#node);
      await this.#look();
      if (this.#node && (this.#untold || this.#clock.now() - this.#statusAtMs >= STATUS_MS)) {
        this.#node = await this.#writeStatus(this.#node, READY);
      }
    } catch (error) {
      this.#warn(error);
    }
  }

  async #look(): Promise<void> {
    if (this.#measure && this.#gauge.measured(await this.#measure(), this.#clock.now())) this.#untold = true;
  }

  /** The next beat is soon; until then the lease says when this node was last heard of. */
  #warn(error: unknown): void {
    this.#logger.warn('the node cannot be kept up to date', { error: String(error) });
  }

  async #renew(owner: Node): Promise<void> {
    const { name } = this.#description;
    const key = { namespace: LEASE_NAMESPACE, name };
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: Math.ceil(this.#leaseMs / 1000),
      renewTime: microTimestamp(this.#clock.now()),
    };
    try {
      const lease = this.#lease ?? (await this.#client.get(Leases, key));
      this.#lease = await this.#client.update(Leases, { ...lease, spec: { ...lease.spec, ...spec } });
      return;
    } catch (error) {
      this.#lease = undefined;
      if (!isNotFound(error)) throw error;
    }
    this.#lease = await this.#client.create(Leases, {
      metadata: { ...key, ownerReferences: [ownerReference(Nodes, owner)] },
      spec,
    });
  }
}

function isReady(node: Node): boolean {
  return nodeReadiness(node) === 'True';
}
