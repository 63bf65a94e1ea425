import path from 'node:path';
import { Command, Option } from 'commander';

import { dataDirectoryPath } from '../../cluster/data-directory.ts';
import { dataDirOption } from '../options.ts';
import { type Output, toJson } from '../output.ts';

interface RestoreOptions {
  readonly dataDir?: string;
  readonly force?: boolean;
  readonly output?: 'json';
}

export function restoreCommand(output: Output): Command {
  return new Command('restore')
    .description('put what a backup has into a data directory on which no cluster runs')
    .argument('<file>', 'what berth backup has written; - for standard input')
    .option('--force', 'replace what the directory has stored; that is kept beside it')
    .addOption(new Option('-o, --output <format>', 'how to say what was done').choices(['json']))
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      `
Nothing is changed before all of the backup has been read and is right. Objects keep their uids. Resource versions go
on far above, so that clients list again instead of taking new for old. Volumes are looked for where they were.
The exit code is 1 when nothing was changed.

Examples:
  berth down && berth restore monday.backup --force && berth up
  gunzip < monday.backup.gz | berth restore - --data-dir elsewhere`,
    )
    .action(async (file: string, options: RestoreOptions) => {
      const { restoreCluster } = await import('../../cluster/backup.ts');
      const directory = dataDirectoryPath(options.dataDir);
      const summary = await restoreCluster({
        directory,
        source: file === '-' ? process.stdin : path.resolve(file),
        force: options.force ?? false,
      });
      if (options.output === 'json') return output.text(toJson({ dataDir: directory, ...summary }));
      const { objects, revision, createdAt, replaced } = summary;
      output.line(`${directory} has the ${objects.toLocaleString('en')} objects of ${createdAt}, revision ${revision}`);
      if (replaced !== undefined) output.line(`what it had before is kept in ${replaced}`);
      output.note('start it with: berth up; the data of volumes is not part of a backup');
    });
}
