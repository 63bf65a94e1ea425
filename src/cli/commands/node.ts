import { Command } from 'commander';

import { isNotFound } from '../../api/errors.ts';
import type { Node } from '../../api/generated/types.ts';
import { Nodes } from '../../api/kinds.ts';
import { isStopped, STOPPED_ANNOTATION } from '../../api/node-contact.ts';
import type { Client } from '../../client/client.ts';
import { dataDirectoryPath, readServerStatus } from '../../cluster/data-directory.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption } from '../options.ts';
import type { Output } from '../output.ts';

interface NodeOptions {
  readonly dataDir?: string;
}

const MANAGER = { fieldManager: 'berth' };

export function nodeCommand(output: Output): Command {
  const act = async (name: string, options: NodeOptions, change: (client: Client) => Promise<void>): Promise<void> => {
    const session = connect(options);
    try {
      const names = readServerStatus(dataDirectoryPath(options.dataDir))?.nodes ?? [];
      if (!names.includes(name))
        throw new CliError(`there is no node ${name} here`, {
          hint: names.length === 0 ? 'this server runs no nodes' : `there is ${names.join(', ')}`,
        });
      await change(session.client);
    } finally {
      session.close();
    }
  };

  const stop = new Command('stop')
    .description('take a node away, as if its machine had lost contact: its pods run on, and nobody hears of them')
    .argument('<name>', 'which node')
    .addOption(dataDirOption())
    .action((name: string, options: NodeOptions) =>
      act(name, options, async (client) => {
        const node = await find(client, name);
        if (node === undefined)
          throw new CliError(`node ${name} was deleted`, { hint: `bring it back with: berth node start ${name}` });
        if (isStopped(node)) return output.line(`node/${name} is away already`);
        await annotate(client, name, new Date().toISOString());
        output.line(`node/${name} is out of contact; in a while its pods count as not ready, and are not replaced`);
        output.note(`  bring it back with: berth node start ${name}`);
        output.note(`  give it up with:    berth delete node ${name}`);
      }),
    );

  const start = new Command('start')
    .description('bring a node back; what still runs on it goes on without a restart')
    .argument('<name>', 'which node')
    .addOption(dataDirOption())
    .action((name: string, options: NodeOptions) =>
      act(name, options, async (client) => {
        const node = await find(client, name);
        if (node !== undefined && !isStopped(node)) return output.line(`node/${name} is there already`);
        // One that was deleted is known by its name alone; its agent says the rest.
        if (node === undefined) await client.create(Nodes, { metadata: { name }, spec: {} }, MANAGER);
        else await annotate(client, name, null);
        output.line(`node/${name} is coming back`);
      }),
    );

  return new Command('node')
    .description('take a node away and bring it back, to see what a cluster makes of it')
    .addCommand(stop)
    .addCommand(start)
    .addHelpText('after', '\nExample:\n  berth up --nodes 3 -f examples/kv.yaml\n  berth node stop node-1');
}

async function find(client: Client, name: string): Promise<Node | undefined> {
  try {
    return await client.get(Nodes, { name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function annotate(client: Client, name: string, value: string | null): Promise<void> {
  const body = { metadata: { annotations: { [STOPPED_ANNOTATION]: value } } };
  await client.patch(Nodes, { name }, { type: 'merge', body }, MANAGER);
}
