import { Command } from 'commander';

import { applyManifests } from '../apply.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { readManifests } from '../manifests.ts';
import { dataDirOption, filesOption, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { displayName } from '../resources.ts';

interface ApplyCommandOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly filename?: readonly string[];
  readonly dryRun?: boolean;
}

export function applyCommand(output: Output): Command {
  return new Command('apply')
    .description('make what the manifests say true')
    .addOption(filesOption())
    .option('--dry-run', 'check it and say what would happen; nothing is stored')
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText('after', '\nExamples:\n  berth apply -f examples/kv.yaml\n  cat kv.yaml | berth apply -f -')
    .action(async (options: ApplyCommandOptions) => {
      if (!options.filename) throw new CliError('which manifests?', { hint: 'berth apply -f FILE_OR_DIRECTORY' });
      const sources = readManifests(options.filename);
      const session = connect(options);
      try {
        for (const { type, key, outcome } of await applyManifests(session.client, sources, {
          namespace: options.namespace,
          dryRun: options.dryRun ?? false,
        })) {
          output.line(`${displayName(type, key.name)} ${outcome}${options.dryRun ? ' (dry run)' : ''}`);
        }
      } finally {
        session.close();
      }
    });
}
