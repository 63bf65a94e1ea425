import { stripVTControlCharacters } from 'node:util';
import type { StatefulSet } from '../../api/generated/types.ts';
import { Deployments, PersistentVolumeClaims, Pods, ReplicaSets, StatefulSets } from '../../api/kinds.ts';
import { formatKey, type KubernetesObject, keyOf, type ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Informer, InformerSet } from '../../client/informer.ts';
import type { Applied } from '../apply.ts';
import type { Output } from '../output.ts';
import { readinessOf } from './readiness.ts';
import { render, type ViewModel } from './render.ts';
import { claimTransition, podTransition, setTransition } from './transitions.ts';

/** What `up` shows while it runs. */
export interface View {
  close(): void;
}

interface ViewOptions {
  /** Said once, when everything that was applied has become ready. */
  readonly hint: readonly string[];
}

const NOTHING: readonly string[] = [];
/** At most this often is the terminal drawn anew. */
const FRAME_MS = 50;
/** Of more things than this that are there at the beginning only the number is said. */
const MOST_FIRST_LINES = 500;
/** What is said below the picture leaves it so many rows, or is left out. */
const LEAST_ROWS = 5;

/** The kinds that become ready; anything else is as soon as it exists. */
const BECOMING_READY: readonly ResourceType[] = [StatefulSets, Deployments, ReplicaSets, Pods];

/** A live picture on a terminal, one line for each event elsewhere. It follows the cluster through its own caches. */
export async function startView(
  informers: InformerSet,
  applied: readonly Applied[],
  output: Output,
  options: ViewOptions,
): Promise<View> {
  const [sets, claims, pods] = [
    informers.get(StatefulSets),
    informers.get(PersistentVolumeClaims),
    informers.get(Pods),
  ];
  await Promise.all([sets.synced, claims.synced, pods.synced]);

  // What was applied now, and the sets of earlier that go on where they were.
  const awaited = new Map<string, () => boolean>();
  const wait = (type: ResourceType, key: ObjectKey): void => {
    awaited.set(`${type.kind} ${formatKey(key)}`, () => {
      const object = informers.get(type).get(key);
      return object !== undefined && readinessOf({ ...object, kind: type.kind }, pods.list()).ready;
    });
  };
  for (const set of sets.list()) wait(StatefulSets, keyOf(set));
  for (const { type, key } of applied) {
    if (BECOMING_READY.some(({ kind, group }) => kind === type.kind && group === type.group)) wait(type, key);
  }
  const isReady = (): boolean => [...awaited.values()].every((holds) => holds());

  // What the picture says is true now; a line that has been said stays said.
  const picture = output.isTerminal
    ? terminalPicture(output, () => ({
        model: { sets: inOrder(sets.list()), pods: [...pods.list()], claims: [...claims.list()] },
        footer: isReady() ? options.hint : NOTHING,
      }))
    : undefined;
  let hinted = false;
  const sayWhenReady = (): void => {
    if (hinted || !isReady()) return;
    hinted = true;
    for (const line of options.hint) output.line(line);
  };
  const changed = picture?.changed ?? sayWhenReady;
  const endings = [
    ...(picture
      ? []
      : [say(output, sets, setTransition), say(output, claims, claimTransition), say(output, pods, podTransition)]),
    ...[...BECOMING_READY, PersistentVolumeClaims].map((type) => informers.get(type).subscribe(changed)),
  ];
  changed();
  return {
    close: () => {
      for (const end of endings) end();
      picture?.close();
    },
  };
}

/** One line for each change that is worth it. Returns what ends that. */
function say<T extends KubernetesObject>(
  output: Output,
  informer: Informer<T>,
  transition: (before: T | undefined, after: T | undefined) => string | undefined,
): () => void {
  let isFirst = true;
  const end = informer.subscribe((changes) => {
    const time = new Date().toISOString().slice(11, 19);
    if (isFirst && changes.length > MOST_FIRST_LINES) {
      const { plural } = informer.type;
      output.line(`${time} ${changes.length} ${plural} are there; berth get ${plural} -A lists them`);
      return;
    }
    const lines = changes.flatMap((change) => {
      const before =
        change.type === 'updated' ? change.previous : change.type === 'deleted' ? change.object : undefined;
      return transition(before, change.type === 'deleted' ? undefined : change.object) ?? [];
    });
    if (lines.length > 0) output.text(lines.map((line) => `${time} ${line}\n`).join(''));
  });
  isFirst = false;
  return end;
}

function inOrder(sets: Iterable<StatefulSet>): readonly StatefulSet[] {
  const key = (set: StatefulSet): string => formatKey(keyOf(set));
  return [...sets].sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

interface Picture {
  changed(): void;
  close(): void;
}

/** What there is to draw now: with words below it, if there is room. */
interface Drawing {
  readonly model: ViewModel;
  readonly footer: readonly string[];
}

/** Draws in place, below what has been said before. */
function terminalPicture(output: Output, drawing: () => Drawing): Picture {
  /** How long the lines are that are drawn: a terminal that has become narrower has broken them. */
  let drawn: readonly number[] = [];
  let drawnColumns = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    timer = undefined;
    const { model, footer } = drawing();
    const rows = process.stdout.rows || 24;
    const columns = output.columns;
    const rowsOf = (lengths: readonly number[]): number =>
      lengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    const footerRows = footer.length === 0 ? 0 : 1 + rowsOf(footer.map(({ length }) => length));
    const below = footerRows > 0 && footerRows + LEAST_ROWS < rows ? ['', ...footer] : [];
    const room = Math.max(1, rows - 1 - (below.length > 0 ? footerRows : 0));
    const colour = process.env.NO_COLOR === undefined;
    const lines = [...render(model, { columns, rows: room, colour }).slice(0, room), ...below];
    // Back to where the picture begins, then every line anew, then whatever is left below it is cleared.
    const up = Math.min(rowsOf(drawn), rows - 1);
    const back = up > 0 ? `\u001b[${up}A\r` : '';
    // A terminal that has broken a line takes its rows for one, whatever is written there, until each was cleared.
    const cleared = columns === drawnColumns ? '' : '\u001b[2K\n'.repeat(up) + back;
    output.text(`${back}${cleared}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
    drawnColumns = columns;
    drawn = lines.map((line) => stripVTControlCharacters(line).length);
  };
  const changed = (): void => {
    timer ??= setTimeout(draw, FRAME_MS);
  };
  process.stdout.on('resize', changed);
  return {
    changed,
    close: () => {
      clearTimeout(timer);
      process.stdout.off('resize', changed);
      draw();
    },
  };
}
