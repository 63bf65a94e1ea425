import { Command, Option } from 'commander';

import { isNotFound } from '../../api/errors.ts';
import { builtInTypes } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client, DeleteOptions } from '../../client/client.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { readManifests, typeOfManifest } from '../manifests.ts';
import { dataDirOption, duration, filesOption, integer, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { displayName, parseTargets } from '../resources.ts';

interface DeleteCommandOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly filename?: readonly string[];
  readonly cascade: 'background' | 'foreground' | 'orphan';
  readonly gracePeriod?: number;
  readonly force?: boolean;
  readonly wait: boolean;
  readonly timeout: number;
  readonly ignoreNotFound?: boolean;
  readonly all?: boolean;
}

interface Doomed {
  readonly type: ResourceType;
  readonly key: ObjectKey;
}

export function deleteCommand(output: Output): Command {
  return new Command('delete')
    .description('delete objects; the claims of a set and their data stay')
    .argument('[target...]', 'KIND NAME..., or KIND/NAME...')
    .addOption(filesOption())
    .option('--all', 'all of the kind, in the namespace')
    .addOption(
      new Option('--cascade <how>', 'what happens to what it owns')
        .choices(['background', 'foreground', 'orphan'])
        .default('background'),
    )
    .option('--grace-period <seconds>', 'time to end in', integer(0, 86_400))
    .option('--force', 'with --grace-period 0: free the name without waiting for the end')
    .option('--no-wait', 'do not wait until it is gone')
    .addOption(
      new Option('--timeout <time>', 'wait no longer than this').argParser(duration).default(duration('5m'), '5m'),
    )
    .option('--ignore-not-found', 'nothing there is no error')
    .addOption(namespaceOption())
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      '\nExamples:\n  berth delete statefulset/kv\n  berth delete pod kv-0 --grace-period 1\n  berth delete -f examples/kv.yaml',
    )
    .action(async (words: string[], options: DeleteCommandOptions) => {
      if (options.gracePeriod === 0 && !options.force) {
        throw new CliError('--grace-period 0 frees the name before the end is certain', {
          hint: 'add --force if that is meant, or use --grace-period 1',
        });
      }
      if (words.length > 0 === (options.filename !== undefined))
        throw new CliError('what to delete?', { hint: 'KIND/NAME, or -f FILE' });
      const named: readonly Doomed[] = options.filename
        ? readManifests(options.filename).map((source) => {
            const type = typeOfManifest(source, builtInTypes);
            return {
              type,
              key: keyIn(
                type,
                source.manifest.metadata.namespace ?? options.namespace,
                source.manifest.metadata.name ?? '',
              ),
            };
          })
        : [];
      const session = connect(options);
      try {
        const doomed = options.filename ? named : await resolve(session.client, words, options);
        if (options.force) output.note('Warning: the name is free at once; the processes may still be ending.');
        const going: { readonly target: Doomed; readonly uid: string }[] = [];
        for (const target of doomed) {
          const uid = await deleteOne(session.client, target, options);
          if (uid === undefined) continue;
          output.line(`${displayName(target.type, target.key.name)} deleted`);
          going.push({ target, uid });
        }
        if (options.wait) for (const { target, uid } of going) await gone(session.client, target, uid, options.timeout);
      } finally {
        session.close();
      }
    });
}

function keyIn(type: ResourceType, namespace: string, name: string): ObjectKey {
  return type.namespaced ? { namespace, name } : { name };
}

async function resolve(
  client: Client,
  words: readonly string[],
  options: DeleteCommandOptions,
): Promise<readonly Doomed[]> {
  const found: Doomed[] = [];
  for (const { type, name } of parseTargets(words)) {
    if (name !== undefined) found.push({ type, key: keyIn(type, options.namespace, name) });
    else if (!options.all) throw new CliError(`which of the ${type.plural}?`, { hint: 'name them, or say --all' });
    else {
      const { items } = await client.list(type, type.namespaced ? { namespace: options.namespace } : {});
      for (const item of items) found.push({ type, key: keyIn(type, options.namespace, item.metadata.name) });
    }
  }
  return found;
}

const PROPAGATION = { background: 'Background', foreground: 'Foreground', orphan: 'Orphan' } as const;

/** The uid of what is going; undefined when there was nothing and that is no error. */
async function deleteOne(
  client: Client,
  { type, key }: Doomed,
  options: DeleteCommandOptions,
): Promise<string | undefined> {
  try {
    const { uid } = (await client.get(type, key)).metadata;
    const request: DeleteOptions = {
      propagationPolicy: PROPAGATION[options.cascade],
      preconditions: { uid },
      ...(options.gracePeriod !== undefined && { gracePeriodSeconds: options.gracePeriod }),
    };
    await client.delete(type, key, request);
    return uid;
  } catch (error) {
    if (options.ignoreNotFound && isNotFound(error)) return undefined;
    throw error;
  }
}

/** Resolves when the object with this uid is gone. */
async function gone(client: Client, { type, key }: Doomed, uid: string, timeoutMs: number): Promise<void> {
  const scope = {
    fieldSelector: `metadata.name=${key.name}`,
    ...(key.namespace !== undefined && { namespace: key.namespace }),
  };
  const list = await client.list(type, scope);
  if (!list.items.some((item) => item.metadata.uid === uid)) return;
  await new Promise<void>((resolvePromise, reject) => {
    const finish = (error?: Error): void => {
      clearTimeout(timer);
      watch.stop();
      if (error) reject(error);
      else resolvePromise();
    };
    const timer = setTimeout(
      () =>
        finish(
          new CliError(`${displayName(type, key.name)} is still there after ${timeoutMs / 1000} s`, {
            hint: `berth describe ${type.singular} ${key.name} tells what holds it`,
          }),
        ),
      timeoutMs,
    );
    const watch = client.watch(
      type,
      { ...scope, resourceVersion: list.metadata.resourceVersion },
      {
        events: (batch) => {
          if (batch.some((event) => event.type === 'DELETED' && event.object.metadata.uid === uid)) finish();
        },
        closed: (error) => finish(error ?? new CliError('the server ended the watch')),
      },
    );
  });
}
