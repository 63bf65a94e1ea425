import type { KubernetesObject } from '../api/meta.ts';
import type { TableLayout } from './tables.ts';

/** What is shown of a kind that has no columns of its own. */
export const nameAndAge: TableLayout = {
  columns: [
    { name: 'Name', type: 'string', format: 'name' },
    { name: 'Age', type: 'string' },
  ],
  cells: (object: KubernetesObject, nowMs: number) => [
    object.metadata.name,
    age(object.metadata.creationTimestamp, nowMs),
  ],
};

/** How long ago a time was, the way `kubectl` writes it: two units at most, and only the larger once it is large. */
export function age(since: string | undefined, nowMs: number): string {
  const sinceMs = Date.parse(since ?? '');
  if (Number.isNaN(sinceMs)) return '<unknown>';
  const seconds = Math.floor((nowMs - sinceMs) / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return two(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return two(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  const years = Math.floor(days / 365);
  return years < 8 ? two(years, 'y', days % 365, 'd') : `${years}y`;
}

function two(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${large}${largeUnit}` : `${large}${largeUnit}${small}${smallUnit}`;
}
