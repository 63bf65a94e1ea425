import { describe } from '../descriptions.ts';
import { ageOf } from '../duration.ts';
import type { PodSpec } from '../generated/types.ts';
import type { KubernetesObject } from '../meta.ts';

export type Cell = string | number | boolean | null;

/** One column of a table, as `kubectl get` prints it. */
export interface TableColumn {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format: string;
  readonly description: string;
  /** 0 is always shown, more only with `-o wide`. */
  readonly priority: number;
}

/** The columns of a kind and what an object has in each, in the same order. */
export interface TableLayout<T extends KubernetesObject = KubernetesObject> {
  readonly columns: readonly TableColumn[];
  /** `nowMs`: milliseconds since the Unix epoch, for ages. */
  cells(object: T, nowMs: number): readonly Cell[];
}

/** Where a column's description is: the words themselves, or a field of the schema. */
type Source = string | readonly [type: string, field: string];

function column(name: string, type: TableColumn['type'], source: Source, priority: number, format = ''): TableColumn {
  return {
    name,
    type,
    format,
    priority,
    // Read when a table is asked for: the texts of the schema are a large file.
    get description() {
      return typeof source === 'string' ? source : describe(...source);
    },
  };
}

/** A column that is always shown. */
export const shown = (name: string, source: Source, type: TableColumn['type'] = 'string'): TableColumn =>
  column(name, type, source, 0);

/** A column of `-o wide`. */
export const wide = (name: string, source: Source, type: TableColumn['type'] = 'string'): TableColumn =>
  column(name, type, source, 1);

export const nameColumn = (): TableColumn => column('Name', 'string', ['ObjectMeta', 'name'], 0, 'name');
export const wideNameColumn = (): TableColumn => column('Name', 'string', ['ObjectMeta', 'name'], 1, 'name');
export const ageColumn = (): TableColumn => shown('Age', ['ObjectMeta', 'creationTimestamp']);

export const NONE = '<none>';
export const UNSET = '<unset>';

export const age = (object: KubernetesObject, nowMs: number): string => ageOf(object.metadata.creationTimestamp, nowMs);

/** `a=1,b=2`, in alphabetical order. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {});
  if (entries.length === 0) return NONE;
  return entries
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join(',');
}

export const containerColumns = (): readonly TableColumn[] => [
  wide('Containers', 'Names of each container in the template.'),
  wide('Images', 'Images referenced by each container in the template.'),
];

export function containerCells(spec: PodSpec | undefined): readonly Cell[] {
  const containers = spec?.containers ?? [];
  return [
    containers.map((container) => container.name).join(','),
    containers.map((container) => container.image ?? '').join(','),
  ];
}

/** The first few, and how many more there are. */
export function abbreviated(items: readonly string[], most: number): string {
  if (items.length <= most) return items.join(',');
  return `${items.slice(0, most).join(',')} + ${items.length - most} more...`;
}
