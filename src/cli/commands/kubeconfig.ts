import fs from 'node:fs';
import { Command, Option } from 'commander';

import { ServiceAccounts } from '../../api/kinds.ts';
import { dataDirectoryPath } from '../../cluster/data-directory.ts';
import { tokenKubeconfig, userKubeconfig } from '../../cluster/kubeconfigs.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, duration, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';

interface KubeconfigOptions {
  readonly dataDir?: string;
  readonly path?: boolean;
  readonly user?: string;
  readonly group?: readonly string[];
  readonly serviceAccount?: string;
  readonly namespace: string;
  readonly duration: number;
}

export function kubeconfigCommand(output: Output): Command {
  return new Command('kubeconfig')
    .description("print a kubeconfig: the administrator's, or one for somebody with less rights")
    .option('--path', "print where the administrator's file is instead")
    .addOption(
      new Option('--user <name>', 'for a user of this name, with a client certificate for a year').conflicts([
        'path',
        'serviceAccount',
      ]),
    )
    .option('--group <name...>', 'with --user: the groups the user is in')
    .addOption(
      new Option('--service-account <name>', 'for a service account, with a token; the cluster has to run').conflicts(
        'path',
      ),
    )
    .addOption(
      new Option('--duration <time>', 'with --service-account: how long the token is good')
        .argParser(duration)
        .default(duration('24h'), '24h'),
    )
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      '\nExamples:\n  export KUBECONFIG=$(berth kubeconfig --path)\n  berth kubeconfig --user jane --group dev > jane.yaml\n  berth kubeconfig --service-account builder > builder.yaml',
    )
    .action(async (options: KubeconfigOptions) => {
      const directory = dataDirectoryPath(options.dataDir);
      const file = `${directory}/kubeconfig`;
      if (!fs.existsSync(file))
        throw new CliError(`there is no kubeconfig yet: ${file}`, { hint: 'berth up makes it' });
      if (options.group && options.user === undefined) throw new CliError('--group goes with --user');
      if (options.user === '') throw new CliError('--user takes a name');
      if (options.user !== undefined) output.text(await userKubeconfig(directory, options.user, options.group ?? []));
      else if (options.serviceAccount !== undefined) output.text(await accountKubeconfig(directory, options));
      else output.text(options.path ? `${file}\n` : fs.readFileSync(file, 'utf8'));
    });
}

async function accountKubeconfig(directory: string, options: KubeconfigOptions): Promise<string> {
  const { namespace, serviceAccount: name = '' } = options;
  const session = connect(options);
  try {
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { expirationSeconds: Math.ceil(options.duration / 1000) },
    };
    const answer = await session.client.createSubresource(ServiceAccounts, { namespace, name }, 'token', body);
    const { token } = (answer as { status: { token: string } }).status;
    return tokenKubeconfig(directory, `system:serviceaccount:${namespace}:${name}`, token);
  } finally {
    session.close();
  }
}
