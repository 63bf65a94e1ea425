import { once } from 'node:events';
import path from 'node:path';
import { Command, Option } from 'commander';

import { dataDirectoryPath } from '../../cluster/data-directory.ts';
import { CliError } from '../errors.ts';
import { dataDirOption } from '../options.ts';
import { type Output, toJson } from '../output.ts';

interface BackupOptions {
  readonly dataDir?: string;
  readonly force?: boolean;
  readonly output?: 'json';
}

/** A backup that is done sooner needs no words before. */
const PROGRESS_EVERY_MS = 1000;

export function backupCommand(output: Output): Command {
  return new Command('backup')
    .description('write all objects of a cluster, running or not, to a file; not the data of its volumes')
    .argument('<file>', 'where to; - for standard output')
    .option('--force', 'replace a file that is there')
    .addOption(new Option('-o, --output <format>', 'how to say what was done').choices(['json']))
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      `
The backup is of one moment, is read back and checked, and can be read by you alone: secrets are in it. A running
cluster goes on meanwhile. What the volumes hold is not in it, nor are certificates and keys.
The exit code is 1 when there is no backup.

Examples:
  berth backup monday.backup
  berth backup - | gzip > monday.backup.gz
  berth restore monday.backup --data-dir elsewhere`,
    )
    .action(async (file: string, options: BackupOptions) => {
      const { backUpCluster } = await import('../../cluster/backup.ts');
      const isStream = file === '-';
      if (isStream && options.output === 'json') {
        throw new CliError('the backup itself goes to standard output: there is no room for -o json', { exitCode: 2 });
      }
      const target = path.resolve(file);
      const summary = await backUpCluster({
        directory: dataDirectoryPath(options.dataDir),
        target: isStream ? writeOut : target,
        force: options.force ?? false,
        onProgress: progress(output),
      });
      if (options.output === 'json') return output.text(toJson({ file: target, ...summary }));
      const what = `${count(summary.objects)} objects at revision ${summary.revision}, ${count(summary.bytes)} bytes`;
      if (isStream) output.note(what);
      else output.line(`${file}: ${what}, read back and right`);
      output.note('the data of volumes is not in it: copy that by itself');
    });
}

/** To standard output, no faster than it is read. */
async function writeOut(chunk: Buffer): Promise<void> {
  if (!process.stdout.write(chunk)) await once(process.stdout, 'drain');
}

function progress(output: Output): (done: number, total: number) => void {
  let saidAtMs = performance.now();
  return (done, total) => {
    if (performance.now() - saidAtMs < PROGRESS_EVERY_MS) return;
    saidAtMs = performance.now();
    output.note(`  ${count(done)} of ${count(total)} objects`);
  };
}

function count(number: number): string {
  return number.toLocaleString('en');
}
