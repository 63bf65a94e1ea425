import { type Random, seededRandom } from '../../src/platform/random.ts';
import { FAULT_KINDS, type FaultKind } from './faults.ts';

/** What one run begins with. */
export interface Beginning {
  readonly nodes: number;
  readonly replicas: number;
  readonly parallel: boolean;
  readonly claims: boolean;
  readonly minReadySeconds: number;
  readonly whenScaled: 'Retain' | 'Delete';
  readonly whenDeleted: 'Retain' | 'Delete';
  /** How long pods stay bound to a node that is lost before they are marked as ending. */
  readonly tolerationSeconds: number;
}

/** What a pod made from an image does: it works, takes a while, ends again and again, or never becomes Ready. */
export type Behaviour = 'good' | 'slow' | 'crash' | 'hang';

/** Something that users, machines or the network do. Ordinals are taken as they come: what is not there is left alone. */
export type Deed =
  | { readonly do: 'scale'; readonly replicas: number }
  | { readonly do: 'template'; readonly behaviour: Behaviour; readonly version: number }
  | { readonly do: 'partition'; readonly partition: number }
  | { readonly do: 'maxUnavailable'; readonly maxUnavailable: number | string }
  | { readonly do: 'strategy'; readonly strategy: 'RollingUpdate' | 'OnDelete' }
  | { readonly do: 'minReadySeconds'; readonly seconds: number }
  | { readonly do: 'start'; readonly ordinal: number }
  | { readonly do: 'retention'; readonly whenScaled: 'Retain' | 'Delete'; readonly whenDeleted: 'Retain' | 'Delete' }
  | { readonly do: 'deletePod'; readonly ordinal: number }
  /** M7: only where the replacement cannot land on another node. */
  | { readonly do: 'forcePod'; readonly ordinal: number }
  | { readonly do: 'evictPod'; readonly ordinal: number }
  | { readonly do: 'deleteClaim'; readonly ordinal: number }
  | { readonly do: 'relabel'; readonly ordinal: number; readonly label: 'identity' | 'selector' | 'revision' }
  | { readonly do: 'orphanPod'; readonly ordinal: number }
  | { readonly do: 'finalizer'; readonly ordinal: number; readonly forMs: number }
  | { readonly do: 'editClaim'; readonly ordinal: number; readonly field: 'labels' | 'owners' }
  | {
      readonly do: 'editRevision';
      readonly which: number;
      readonly edit: 'delete' | 'renumber' | 'orphan' | 'relabel';
    }
  | { readonly do: 'editStatus' }
  | { readonly do: 'deleteSet'; readonly propagation: 'Background' | 'Foreground' | 'Orphan' }
  | { readonly do: 'createSet' }
  | { readonly do: 'crashPod'; readonly ordinal: number }
  | { readonly do: 'unreadyPod'; readonly ordinal: number; readonly forMs: number }
  | { readonly do: 'holdPod'; readonly ordinal: number; readonly forMs: number }
  | {
      readonly do: 'fault';
      readonly kind: FaultKind;
      readonly part: string;
      readonly rate: number;
      readonly forMs: number;
    }
  | { readonly do: 'kill'; readonly part: string; readonly afterWrites: number; readonly forMs: number }
  | { readonly do: 'loseNode'; readonly node: number; readonly forMs: number }
  | { readonly do: 'rebootNode'; readonly node: number }
  /** M6: the machine is off; the user may vouch for that by deleting the node, or by its taint. */
  | {
      readonly do: 'powerOff';
      readonly node: number;
      readonly vouch: 'nothing' | 'delete' | 'taint';
      readonly forMs: number;
    };

/** A deed and when it is done (ms since the run began). */
export type Entry = Deed & { readonly atMs: number };

/** A whole run: with the same plan under test it always goes the same way. */
export interface Script {
  readonly seed: number;
  readonly beginning: Beginning;
  readonly entries: readonly Entry[];
}

const MOST_REPLICAS = 5;
const SHORTEST_MS = 8000;
const LONGEST_MS = 40_000;
const MOST_DEEDS = 14;
/** How long a fault, a lost node, a pod that hangs may last. */
export const LONGEST_TROUBLE_MS = 15_000;

/** The run that belongs to a seed. */
export function writeScript(seed: number): Script {
  const random = seededRandom(seed);
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const chance = (probability: number): boolean => random.next() < probability;
  const beginning: Beginning = {
    nodes: 1 + below(2),
    replicas: below(MOST_REPLICAS),
    parallel: chance(0.3),
    claims: chance(0.5),
    minReadySeconds: chance(0.25) ? 1 + below(10) : 0,
    whenScaled: chance(0.2) ? 'Delete' : 'Retain',
    whenDeleted: chance(0.2) ? 'Delete' : 'Retain',
    tolerationSeconds: chance(0.5) ? 3 : 300,
  };
  const lengthMs = SHORTEST_MS + below(LONGEST_MS - SHORTEST_MS);
  const deeds = 2 + below(MOST_DEEDS - 2);
  const entries = Array.from({ length: deeds }, (_, index): Entry => {
    const deed = chooseDeed(random, beginning, index + 2);
    return { ...deed, atMs: below(lengthMs) };
  });
  return { seed, beginning, entries: entries.sort((a, b) => a.atMs - b.atMs) };
}

function chooseDeed(random: Random, beginning: Beginning, version: number): Deed {
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const one = <T>(...choices: readonly T[]): T => choices[below(choices.length)]!;
  const ordinal = below(MOST_REPLICAS);
  const forMs = 500 + below(LONGEST_TROUBLE_MS);
  const part = one('statefulset', 'statefulset', 'statefulset', 'others', ...nodeNames(beginning.nodes));
  const policy = (): 'Retain' | 'Delete' => one('Retain', 'Delete');
  const choices: readonly (readonly [number, () => Deed])[] = [
    [10, () => ({ do: 'scale', replicas: below(MOST_REPLICAS + 1) })],
    [10, () => ({ do: 'template', behaviour: one('good', 'good', 'slow', 'crash', 'hang'), version })],
    [3, () => ({ do: 'partition', partition: below(MOST_REPLICAS) })],
    [2, () => ({ do: 'maxUnavailable', maxUnavailable: one<number | string>(2, 3, '40%', '60%') })],
    [1, () => ({ do: 'strategy', strategy: one('RollingUpdate', 'OnDelete') })],
    [1, () => ({ do: 'minReadySeconds', seconds: below(8) })],
    [2, () => ({ do: 'start', ordinal: below(3) })],
    [2, () => ({ do: 'retention', whenScaled: policy(), whenDeleted: policy() })],
    [8, () => ({ do: 'deletePod', ordinal })],
    [beginning.claims || beginning.nodes === 1 ? 3 : 0, () => ({ do: 'forcePod', ordinal })],
    [3, () => ({ do: 'evictPod', ordinal })],
    [2, () => ({ do: 'deleteClaim', ordinal })],
    [3, () => ({ do: 'relabel', ordinal, label: one('identity', 'selector', 'revision') })],
    [1, () => ({ do: 'orphanPod', ordinal })],
    [1, () => ({ do: 'finalizer', ordinal, forMs })],
    [beginning.claims ? 2 : 0, () => ({ do: 'editClaim', ordinal, field: one('labels', 'owners') })],
    [3, () => ({ do: 'editRevision', which: below(4), edit: one('delete', 'renumber', 'orphan', 'relabel') })],
    [1, () => ({ do: 'editStatus' })],
    [2, () => ({ do: 'deleteSet', propagation: one('Background', 'Foreground', 'Orphan') })],
    [3, () => ({ do: 'createSet' })],
    [5, () => ({ do: 'crashPod', ordinal })],
    [5, () => ({ do: 'unreadyPod', ordinal, forMs })],
    [3, () => ({ do: 'holdPod', ordinal, forMs })],
    [
      14,
      () => ({
        do: 'fault',
        kind: one(...FAULT_KINDS, 'late', 'late'),
        part: one('all', part),
        rate: 0.1 + random.next() / 2,
        forMs,
      }),
    ],
    [8, () => ({ do: 'kill', part, afterWrites: below(4), forMs: below(5000) })],
    [3, () => ({ do: 'loseNode', node: below(beginning.nodes), forMs })],
    [2, () => ({ do: 'rebootNode', node: below(beginning.nodes) })],
    [3, () => ({ do: 'powerOff', node: below(beginning.nodes), vouch: one('nothing', 'delete', 'taint'), forMs })],
  ];
  let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, make] of choices) {
    left -= weight;
    if (left < 0) return make();
  }
  return { do: 'createSet' };
}

export function nodeNames(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `node-${index}`);
}

/** An entry as a line of a trace. */
export function describeEntry(entry: Entry): string {
  const { atMs, do: deed, ...rest } = entry;
  const details = Object.entries(rest).map(
    ([name, value]) => `${name} ${typeof value === 'number' ? Math.round(value * 100) / 100 : value}`,
  );
  return [deed, ...details].join(', ');
}
