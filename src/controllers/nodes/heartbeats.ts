import type { Lease, Node } from '../../api/generated/types.ts';

/** A look that comes this late was held up: this process was stopped, or the machine asleep. */
const HELD_UP_MS = 5000;

interface Heard {
  readonly uid: string;
  readonly renewTime: string | undefined;
  readonly statusTime: string | undefined;
  readonly isLost: boolean;
  readonly atMs: number;
  /** When the next look was to be. */
  readonly dueMs: number;
}

/**
 * When each node was last heard of, by our own clock: theirs may be wrong. After a start, or after this process itself
 * was held up, every node gets the full time again.
 */
export class Heartbeats {
  readonly #graceMs: number;
  readonly #heard = new Map<string, Heard>();

  /** @param graceMs A node that has not been heard of for this long is lost. */
  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** How long the node may still be silent; 0 or less when it is lost. */
  leftMs(node: Node, lease: Lease | undefined, nowMs: number): number {
    const { name, uid } = node.metadata;
    const before = this.#heard.get(name);
    const renewTime = lease?.spec?.renewTime;
    const ready = node.status?.conditions?.find(({ type }) => type === 'Ready');
    // What we ourselves wrote about a lost node is no sign of life.
    const isLost = ready?.status === 'Unknown';
    const statusTime = isLost ? before?.statusTime : ready?.lastHeartbeatTime;
    const isHeard =
      before === undefined ||
      before.uid !== uid ||
      before.renewTime !== renewTime ||
      before.statusTime !== statusTime ||
      (before.isLost && !isLost) ||
      (before.dueMs > before.atMs && nowMs - before.dueMs > HELD_UP_MS);
    const atMs = isHeard ? nowMs : before.atMs;
    const leftMs = atMs + this.#graceMs - nowMs;
    // A node that is lost already is not looked at on time any more.
    this.#heard.set(name, { uid, renewTime, statusTime, isLost, atMs, dueMs: leftMs > 0 ? nowMs + leftMs : atMs });
    return leftMs;
  }

  forget(name: string): void {
    this.#heard.delete(name);
  }
}
