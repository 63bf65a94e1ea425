import { isIP } from 'node:net';
import { InvalidArgumentError, Option } from 'commander';

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
