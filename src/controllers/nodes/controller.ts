import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Lease, Node, NodeCondition, Pod } from '../../api/generated/types.ts';
import { Leases, Nodes, Pods } from '../../api/kinds.ts';
import { formatKey, keyOf } from '../../api/meta.ts';
import { nodeReadiness } from '../../api/taints.ts';
import type { Index, Informer } from '../../client/informer.ts';
import { timestamp } from '../../platform/clock.ts';
import { type Controller, type ControllerQueue, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import { Heartbeats } from './heartbeats.ts';
import { taintsFor } from './node-taints.ts';
import { planPod } from './plan-pod.ts';

const NODE = 'node ';
const POD = 'pod ';
const LEASE_NAMESPACE = 'kube-node-lease';
/** How long a node may be silent, or away, as in Kubernetes. */
const DEFAULT_GRACE_MS = 40_000;

export interface NodeControllerOptions extends ControllerParts {
  /** A node that has not been heard of for this long is lost, and so are pods whose node is not there (default 40 s). */
  readonly graceMs?: number;
}

/**
 * Starts the node controller (M6): a node that is not heard of becomes `Unknown` and tainted, its pods not Ready; pods
 * that do not tolerate a taint are marked as ending; and pods whose node no longer exists, or was declared out of
 * service, are removed for good. Nothing else here makes room for a replacement.
 */
export function startNodeController(options: NodeControllerOptions): Controller {
  return new NodeController(options, options.graceMs ?? DEFAULT_GRACE_MS).start();
}

class NodeController {
  readonly #parts: ControllerParts;
  readonly #nodes: Informer<Node>;
  readonly #leases: Informer<Lease>;
  readonly #pods: Informer<Pod>;
  readonly #podsByNode: Index<Pod>;
  readonly #graceMs: number;
  readonly #heartbeats: Heartbeats;
  /** Nodes that pods name and that do not exist, since when. */
  readonly #missing = new Map<string, number>();
  /** In which loss of its node each pod has been marked as not Ready, by uid. */
  readonly #marked = new Map<string, string>();

  constructor(parts: ControllerParts, graceMs: number) {
    this.#parts = parts;
    this.#graceMs = graceMs;
    this.#heartbeats = new Heartbeats(graceMs);
    this.#nodes = parts.informers.get(Nodes);
    this.#leases = parts.informers.get(Leases, { namespace: LEASE_NAMESPACE });
    this.#pods = parts.informers.get(Pods);
    this.#podsByNode = this.#pods.index(nodeNameOf);
  }

  start(): Controller {
    const { clock, logger } = this.#parts;
    return runController({
      name: 'nodes',
      clock,
      logger,
      reconcile: async (key) => {
        return key.startsWith(NODE)
          ? this.#reconcileNode(key.slice(NODE.length))
          : this.#reconcilePod(key.slice(POD.length));
      },
      caches: [this.#nodes, this.#leases, this.#pods],
      follow: (queue) => this.#follow(queue),
    });
  }

  /** Tells of every key that a change may concern. */
  #follow(queue: ControllerQueue): readonly (() => void)[] {
    const podsNeedWork = (nodeName: string): void => {
      for (const pod of this.#podsByNode.get(nodeName)) queue.enqueue(`${POD}${formatKey(keyOf(pod))}`);
    };
    return [
      this.#nodes.subscribe((changes) => {
        for (const change of changes) {
          const { name } = change.object.metadata;
          if (change.type === 'deleted') {
            this.#heartbeats.forget(name);
            podsNeedWork(name);
            continue;
          }
          this.#missing.delete(name);
          queue.enqueue(`${NODE}${name}`);
          const before = change.type === 'updated' ? change.previous : undefined;
          if (before === undefined || troubles(before) !== troubles(change.object)) podsNeedWork(name);
          // Whether pods may be sent away depends on whether any node could take them.
          if (before === undefined || nodeReadiness(before) !== nodeReadiness(change.object)) {
            for (const other of this.#nodes.list()) queue.enqueue(`${NODE}${other.metadata.name}`);
          }
        }
      }),
      this.#leases.subscribe((changes) => {
        for (const { object } of changes) queue.enqueue(`${NODE}${object.metadata.name}`);
      }),
      this.#pods.subscribe((changes) => {
        for (const { type, object } of changes) {
          const nodeName = object.spec.nodeName;
          if (type === 'deleted') this.#marked.delete(object.metadata.uid);
          if (type === 'deleted' || !nodeName) continue;
          const node = this.#nodes.get({ name: nodeName });
          // On a healthy node there is nothing to do: that is nearly always.
          if (node === undefined || isTroubled(node)) queue.enqueue(`${POD}${formatKey(keyOf(object))}`);
        }
      }),
    ];
  }

  async #reconcileNode(name: string): Promise<ReconcileResult | undefined> {
    const { client, clock, events } = this.#parts;
    const node = this.#nodes.get({ name });
    if (node === undefined) return undefined;
    const nowMs = clock.now();
    const lease = this.#leases.get({ namespace: LEASE_NAMESPACE, name });
    const leftMs = this.#heartbeats.leftMs(node, lease, nowMs);
    let current = node;
    if (leftMs <= 0 && nodeReadiness(node) !== 'Unknown') {
      current = await client.update(Nodes, lost(node, lease, nowMs), { subresource: 'status' });
      events.record({
        about: node,
        type: 'Warning',
        reason: 'NodeNotReady',
        message: `Node ${name} status is now: NodeNotReady`,
      });
    }
    const mayEvict = [...this.#nodes.list()].some((other) => nodeReadiness(other) === 'True');
    const taints = taintsFor(current, mayEvict, timestamp(nowMs));
    if (taints !== undefined) {
      await client.update(Nodes, { ...current, spec: { ...current.spec, taints } });
    }
    return leftMs > 0 ? { requeueAfterMs: leftMs } : undefined;
  }

  async #reconcilePod(key: string): Promise<ReconcileResult | undefined> {
    const pod = this.#pods.getByKey(key);
    const nodeName = pod?.spec.nodeName;
    if (pod === undefined || !nodeName) return undefined;
    const { client, clock, events } = this.#parts;
    const nowMs = clock.now();
    const node = this.#nodes.get({ name: nodeName });
    if (node === undefined && !this.#missing.has(nodeName)) this.#missing.set(nodeName, nowMs);
    const missingSinceMs = this.#missing.get(nodeName);
    const { uid } = pod.metadata;
    const loss = node && lossOf(node);
    const isMarked = loss !== undefined && this.#marked.get(uid) === loss;
    const plan = planPod({ pod, node, missingSinceMs, isMarked, nowMs, missingGraceMs: this.#graceMs });
    switch (plan.type) {
      case 'nothing':
        return plan.againInMs === undefined ? undefined : { requeueAfterMs: plan.againInMs };
      case 'mark-not-ready':
        events.record({ about: pod, type: 'Warning', reason: 'NodeNotReady', message: plan.message });
        await this.#setCondition(pod, {
          type: 'Ready',
          status: 'False',
          reason: 'NodeNotReady',
          message: plan.message,
        });
        if (loss !== undefined) this.#marked.set(uid, loss);
        return undefined;
      case 'evict':
        events.record({ about: pod, type: 'Normal', reason: 'TaintManagerEviction', message: plan.message });
        await this.#setCondition(pod, {
          type: 'DisruptionTarget',
          status: 'True',
          reason: 'DeletionByTaintManager',
          message: plan.message,
        });
        await this.#whileItExists(client.delete(Pods, keyOf(pod), { preconditions: { uid } }));
        return undefined;
      case 'force-delete':
        // M6: a pod is let go only when the API itself says that its node is what we think it is.
        if (node === undefined && (await this.#nodeExists(nodeName))) return { requeueAfterMs: 1000 };
        events.record({ about: pod, type: 'Warning', reason: 'DeletionByPodGC', message: plan.message });
        await this.#whileItExists(client.delete(Pods, keyOf(pod), { gracePeriodSeconds: 0, preconditions: { uid } }));
        return undefined;
    }
  }

  async #setCondition(
    pod: Pod,
    condition: { readonly type: string; readonly status: string; readonly reason: string; readonly message: string },
  ): Promise<void> {
    const { client, clock } = this.#parts;
    const conditions = [{ ...condition, lastTransitionTime: timestamp(clock.now()) }];
    const body = { metadata: { uid: pod.metadata.uid }, status: { conditions } };
    await this.#whileItExists(client.patch(Pods, keyOf(pod), { type: 'strategic', body }, { subresource: 'status' }));
  }

  async #whileItExists(write: Promise<unknown>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #nodeExists(name: string): Promise<boolean> {
    try {
      await this.#parts.client.get(Nodes, { name });
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }
}

/** What a node that is not heard of says of itself from now on: nothing that was true is known to be. */
function lost(node: Node, lease: Lease | undefined, nowMs: number): Node {
  const now = timestamp(nowMs);
  const silent = { status: 'Unknown', reason: 'NodeStatusUnknown', message: 'Kubelet stopped posting node status.' };
  const before = node.status?.conditions ?? [];
  const known = before.some(({ type }) => type === 'Ready') ? before : [...before, { type: 'Ready', status: '' }];
  const conditions = known.map((condition): NodeCondition => {
    // The newest sign of life is the lease's.
    const renewed = condition.type === 'Ready' ? lease?.spec?.renewTime : undefined;
    const lastHeartbeatTime = renewed === undefined ? condition.lastHeartbeatTime : timestamp(Date.parse(renewed));
    return {
      ...condition,
      ...silent,
      ...(lastHeartbeatTime !== undefined && { lastHeartbeatTime }),
      lastTransitionTime: condition.status === 'Unknown' ? (condition.lastTransitionTime ?? now) : now,
    };
  });
  return { ...node, status: { ...node.status, conditions } };
}

function isTroubled(node: Node): boolean {
  return nodeReadiness(node) !== 'True' || (node.spec.taints ?? []).some(({ effect }) => effect === 'NoExecute');
}

/** All of a node that matters to its pods. */
function troubles(node: Node): string {
  return JSON.stringify([nodeReadiness(node), node.spec.taints ?? []]);
}

/** One for each time a node is lost. */
function lossOf(node: Node): string {
  const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
  return `${node.metadata.uid} ${ready?.lastTransitionTime}`;
}

function nodeNameOf(pod: Pod): string | undefined {
  return pod.spec.nodeName || undefined;
}
