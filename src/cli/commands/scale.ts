import { Command } from 'commander';

import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, integer, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { displayName, parseTargets } from '../resources.ts';
import { servedTypes } from '../served-types.ts';

interface ScaleOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly replicas: number;
  readonly currentReplicas?: number;
}

const SCALABLE = ['statefulsets', 'replicasets', 'deployments'];
const MAX_REPLICAS = 2 ** 31 - 1;

export function scaleCommand(output: Output): Command {
  return new Command('scale')
    .description('set how many replicas there should be')
    .argument('<target...>', 'KIND/NAME, or KIND NAME')
    .requiredOption('--replicas <number>', 'how many', integer(0, MAX_REPLICAS))
    .option('--current-replicas <number>', 'only if there are this many now', integer(0, MAX_REPLICAS))
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText('after', '\nExample:\n  berth scale statefulset/kv --replicas 5')
    .action(async (words: string[], options: ScaleOptions) => {
      const session = connect(options);
      try {
        const targets = parseTargets(words, await servedTypes(session.client));
        for (const { type, name } of targets) {
          if (name === undefined)
            throw new CliError(`which of the ${type.plural}?`, {
              hint: `berth scale ${type.singular}/NAME --replicas ${options.replicas}`,
            });
          if (type.custom === undefined && !SCALABLE.includes(type.plural))
            throw new CliError(`${type.plural} cannot be scaled`, { hint: `only ${SCALABLE.join(', ')} can` });
          const key = { namespace: options.namespace, name };
          if (options.currentReplicas !== undefined) {
            const scale = (await session.client.getSubresource(type, key, 'scale')) as { spec?: { replicas?: number } };
            const current = scale.spec?.replicas ?? 0;
            if (current !== options.currentReplicas)
              throw new CliError(
                `${displayName(type, name)} has ${current} replicas, not ${options.currentReplicas}; nothing was changed`,
              );
          }
          await session.client.patch(
            type,
            key,
            { type: 'merge', body: { spec: { replicas: options.replicas } } },
            { subresource: 'scale', fieldManager: 'berth' },
          );
          output.line(`${displayName(type, name)} scaled`);
        }
      } finally {
        session.close();
      }
    });
}
