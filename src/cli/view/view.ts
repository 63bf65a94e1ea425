import { stripVTControlCharacters } from 'node:util';
import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { PersistentVolumeClaims, Pods, StatefulSets } from '../../api/kinds.ts';
import { formatKey, type KubernetesObject, keyOf } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client, Watch } from '../../client/client.ts';
import type { Applied } from '../apply.ts';
import type { Output } from '../output.ts';
import { readinessOf } from './readiness.ts';
import { render } from './render.ts';
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
/** What is said below the picture leaves it so many rows, or is left out. */
const LEAST_ROWS = 5;

/** A live picture on a terminal, one line for each event elsewhere. */
export async function startView(
  client: Client,
  applied: readonly Applied[],
  output: Output,
  options: ViewOptions,
): Promise<View> {
  const sets = new Map<string, StatefulSet>();
  const pods = new Map<string, Pod>();
  const claims = new Map<string, PersistentVolumeClaim>();
  // What was applied now, and the sets of earlier that go on where they were.
  const stored = await client.list(StatefulSets);
  const awaited = new Map<string, boolean>();
  const awaitedSets = new Set(stored.items.map((set) => formatKey(keyOf(set))));
  for (const { type, key } of applied) {
    if (type.kind === StatefulSets.kind) awaitedSets.add(formatKey(key));
    else awaited.set(`${type.kind} ${formatKey(key)}`, false);
  }
  let hinted = false;

  const picture = output.isTerminal
    ? terminalPicture(output, () => ({ sets: inOrder(sets), pods: [...pods.values()], claims: [...claims.values()] }))
    : undefined;

  const changed = (kind: string, key: string, object: KubernetesObject | undefined): void => {
    const id = `${kind} ${key}`;
    if (object !== undefined && awaited.has(id)) awaited.set(id, readinessOf({ ...object, kind }, []).ready);
  };
  const isReady = (): boolean =>
    [...awaited.values()].every(Boolean) &&
    [...awaitedSets].every((key) => {
      const set = sets.get(key);
      return set !== undefined && readinessOf({ ...set, kind: StatefulSets.kind }, pods.values()).ready;
    });
  /** After a batch of changes, with what is to be said of them. */
  const changedAll = (lines: readonly string[]): void => {
    if (picture) picture.changed();
    else if (lines.length > 0) {
      const time = new Date().toISOString().slice(11, 19);
      output.text(lines.map((line) => `${time} ${line}\n`).join(''));
    }
    hint();
  };
  const hint = (): void => {
    if (hinted && !picture) return;
    const ready = isReady();
    // What the picture says is true now; a line that has been said stays said.
    picture?.footer(ready ? options.hint : NOTHING);
    if (hinted || !ready) return;
    hinted = true;
    if (!picture) for (const line of options.hint) output.line(line);
  };

  const told = { changed, changedAll };
  const watches: Watch[] = [
    follow(client, StatefulSets, sets, setTransition, told),
    follow(client, PersistentVolumeClaims, claims, claimTransition, told),
    follow(client, Pods, pods, podTransition, told),
  ];
  // Kinds that the view does not follow are ready as soon as they exist.
  for (const { type, key, object } of applied) {
    if (![StatefulSets, Pods].some((followed) => followed.kind === type.kind))
      changed(type.kind, formatKey(key), object);
  }
  hint();
  return {
    close: () => {
      for (const watch of watches) watch.stop();
      picture?.close();
    },
  };
}

function follow<T extends KubernetesObject>(
  client: Client,
  type: ResourceType<T>,
  known: Map<string, T>,
  transition: (before: T | undefined, after: T | undefined) => string | undefined,
  told: {
    changed(kind: string, key: string, object: T | undefined): void;
    changedAll(lines: readonly string[]): void;
  },
): Watch {
  return client.watch(
    type,
    {},
    {
      events: (batch) => {
        const lines: string[] = [];
        for (const event of batch) {
          if (event.type === 'BOOKMARK') continue;
          const key = formatKey(keyOf(event.object));
          const before = known.get(key);
          const after = event.type === 'DELETED' ? undefined : event.object;
          if (after === undefined) known.delete(key);
          else known.set(key, after);
          told.changed(type.kind, key, after);
          const line = transition(before, after);
          if (line !== undefined) lines.push(line);
        }
        told.changedAll(lines);
      },
      closed: () => {},
    },
  );
}

function inOrder(sets: ReadonlyMap<string, StatefulSet>): readonly StatefulSet[] {
  return [...sets].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, set]) => set);
}

interface Picture {
  changed(): void;
  footer(lines: readonly string[]): void;
  close(): void;
}

/** Draws in place, below what has been said before. */
function terminalPicture(output: Output, model: () => Parameters<typeof render>[0]): Picture {
  /** How long the lines are that are drawn: a terminal that has become narrower has broken them. */
  let drawn: readonly number[] = [];
  let footer: readonly string[] = [];
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    timer = undefined;
    const rows = process.stdout.rows ?? 24;
    const columns = output.columns;
    const rowsOf = (lengths: readonly number[]): number =>
      lengths.reduce((sum, length) => sum + Math.max(1, Math.ceil(length / columns)), 0);
    const footerRows = footer.length === 0 ? 0 : 1 + rowsOf(footer.map(({ length }) => length));
    const below = footerRows > 0 && footerRows + LEAST_ROWS < rows ? ['', ...footer] : [];
    const room = Math.max(1, rows - 1 - (below.length > 0 ? footerRows : 0));
    const colour = process.env.NO_COLOR === undefined;
    const lines = [...render(model(), { columns, rows: room, colour }).slice(0, room), ...below];
    // Back to where the picture begins, then every line anew, then whatever is left below it is cleared.
    const back = rowsOf(drawn) > 0 ? `\u001b[${Math.min(rowsOf(drawn), rows - 1)}A\r` : '';
    output.text(`${back}${lines.map((line) => `${line}\u001b[K\n`).join('')}\u001b[J`);
    drawn = lines.map((line) => stripVTControlCharacters(line).length);
  };
  const changed = (): void => {
    timer ??= setTimeout(draw, FRAME_MS);
  };
  process.stdout.on('resize', changed);
  return {
    changed,
    footer: (lines) => {
      if (footer === lines) return;
      footer = lines;
      changed();
    },
    close: () => {
      clearTimeout(timer);
      process.stdout.off('resize', changed);
      draw();
    },
  };
}
