import fs from 'node:fs';
import { Command } from 'commander';

import { dataDirectoryPath } from '../../cluster/data-directory.ts';
import { CliError } from '../errors.ts';
import { dataDirOption } from '../options.ts';
import type { Output } from '../output.ts';

export function kubeconfigCommand(output: Output): Command {
  return new Command('kubeconfig')
    .description("print the administrator's kubeconfig")
    .option('--path', 'print where the file is instead')
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      '\nExamples:\n  export KUBECONFIG=$(berth kubeconfig --path)\n  berth kubeconfig > kubeconfig.yaml',
    )
    .action((options: { readonly dataDir?: string; readonly path?: boolean }) => {
      const file = `${dataDirectoryPath(options.dataDir)}/kubeconfig`;
      if (!fs.existsSync(file))
        throw new CliError(`there is no kubeconfig yet: ${file}`, { hint: 'berth up makes it' });
      output.text(options.path ? `${file}\n` : fs.readFileSync(file, 'utf8'));
    });
}
