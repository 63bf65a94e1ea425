import { isIP } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';

import type { ClusterOptions } from '../cluster/cluster.ts';

/** `--data-dir`: which cluster of this machine is meant. */
export const dataDirOption = (): Option =>
  new Option(
    '--data-dir <dir>',
    'where the cluster lives (default: $BERTH_DATA_DIR, else $XDG_DATA_HOME/berth, else ~/.local/share/berth)',
  ).argParser((value: string) => {
    // Most likely a variable of a script that is not set: not to be taken for the default, least of all by `down`.
    if (value === '') throw new InvalidArgumentError('a directory is needed.');
    return value;
  });

export const namespaceOption = (): Option =>
  new Option('-n, --namespace <namespace>', 'the namespace').default('default');

export const filesOption = (): Option =>
  new Option(
    '-f, --filename <file>',
    'a manifest, a directory of manifests, or - for standard input; may be given several times',
  ).argParser((value: string, previous: readonly string[] | undefined) => [...(previous ?? []), value]);

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!/^-?\d+$/.test(value) || number < min || number > max)
      throw new InvalidArgumentError(`a whole number from ${min} to ${max} is needed.`);
    return number;
  };
}

/** An IP address. */
export function address(value: string): string {
  if (isIP(value) === 0) throw new InvalidArgumentError('an IP address of this machine is needed.');
  return value;
}

/** `90`, `90s`, `2m`, `1h30m` in milliseconds. */
export function duration(value: string): number {
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s?)?$/.exec(value);
  if (value === '' || !parts) throw new InvalidArgumentError('a time such as 30s, 2m or 1h is needed.');
  const [, hours = '0', minutes = '0', seconds = '0'] = parts;
  return (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * 1000;
}

/** `10s,5m,10m`: the first wait, the longest one, and the length of a run after which the next wait is the first again. */
export function backOff(value: string): NonNullable<ClusterOptions['restartBackOff']> {
  const [initialMs, maxMs, resetAfterMs, ...more] = value.split(',').map(duration);
  const isComplete = resetAfterMs !== undefined && more.length === 0;
  if (!isComplete || initialMs === undefined || maxMs === undefined || initialMs < 1000 || maxMs < initialMs) {
    throw new InvalidArgumentError('three times such as 10s,5m,10m are needed, the second no shorter than the first.');
  }
  return { initialMs, maxMs, resetAfterMs };
}
