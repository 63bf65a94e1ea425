import type { Mount } from '../runtime.ts';

/** What may stand before and after a path: everything else is taken for a part of a longer one. */
const BEFORE = `^|[\\s=:,;"'\`(\\[{<>|&@]`;
const AFTER = `$|[/\\s=:,;"'\`)\\]}<>|&]`;

/**
 * Replaces each mount path by the host's path of its volume, where it stands as a path or begins one: `/data` in
 * `--dir=/data/db`, in `file:/data` and in `PATH=/data/bin:/bin`, not in `/database` or `/srv/data`. Of two that fit
 * the longer one wins, and what was put in is not looked at again.
 */
export function translatePaths(text: string, mounts: readonly Mount[]): string {
  const hostPaths = new Map(mounts.map((mount) => [trimSlash(mount.mountPath), mount.hostPath]));
  const paths = [...hostPaths.keys()].filter((one) => one !== '').sort((a, b) => b.length - a.length);
  if (paths.length === 0) return text;
  const anyPath = paths.map((one) => one.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const pattern = new RegExp(`(?<=${BEFORE})(?:${anyPath})(?=${AFTER})`, 'g');
  return text.replace(pattern, (found) => hostPaths.get(found) ?? found);
}

function trimSlash(text: string): string {
  return text.replace(/\/+$/, '');
}
