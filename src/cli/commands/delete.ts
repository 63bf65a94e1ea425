import { Command, Option } from 'commander';

import { isNotFound } from '../../api/errors.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource-type.ts';
import type { Client, DeleteOptions } from '../../client/client.ts';
import { rank } from '../apply.ts';
import { connect } from '../connect.ts';
import { CliError } from '../errors.ts';
import { type ManifestSource, readManifests, typeOfManifest } from '../manifests.ts';
import { dataDirOption, duration, filesOption, integer, namespaceOption } from '../options.ts';
import type { Output } from '../output.ts';
import { displayName, parseTargets } from '../resources.ts';
import { servedTypes } from '../served-types.ts';

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
  readonly selector?: string;
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
    .option('-l, --selector <labels>', 'all of the kind with these labels: app=kv,tier!=test')
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
      const byDescription = options.all || options.selector !== undefined;
      if (options.filename && byDescription)
        throw new CliError('-f says what to delete: --all and --selector go with a kind');
      const sources = readManifests(options.filename ?? []);
      const session = connect(options);
      try {
        const types = await servedTypes(session.client);
        const doomed = options.filename
          ? sources
              .flatMap((source) => named(source, types, options))
              // What is in a namespace or of a kind goes before it, not with it.
              .sort((a, b) => rank(b.type) - rank(a.type))
          : await resolve(session.client, words, types, options);
        if (doomed.length === 0 && byDescription)
          output.note(
            `No resources found${options.all ? '' : ' with these labels'} in ${options.namespace} namespace.`,
          );
        if (options.force) output.note('Warning: the name is free at once; the processes may still be ending.');
        const going: { readonly target: Doomed; readonly uid: string }[] = [];
        for (const target of doomed) {
          const uid = await deleteOne(session.client, target, options);
          if (uid === undefined) continue;
          output.line(`${displayName(target.type, target.key.name)} deleted`);
          going.push({ target, uid });
        }
        const deadline = Date.now() + options.timeout;
        if (options.wait) for (const { target, uid } of going) await gone(session.client, target, uid, deadline);
      } finally {
        session.close();
      }
    });
}

function keyIn(type: ResourceType, namespace: string, name: string): ObjectKey {
  return type.namespaced ? { namespace, name } : { name };
}

/** What a manifest names; nothing when its kind has gone with its definition, and that is no error. */
function named(
  source: ManifestSource,
  types: readonly ResourceType[],
  options: DeleteCommandOptions,
): readonly Doomed[] {
  const { apiVersion, kind, metadata } = source.manifest;
  const isServed = types.some((type) => type.kind === kind && apiVersionOf(type) === apiVersion);
  if (options.ignoreNotFound && !isServed) return [];
  const type = typeOfManifest(source, types);
  return [{ type, key: keyIn(type, metadata.namespace ?? options.namespace, metadata.name ?? '') }];
}

async function resolve(
  client: Client,
  words: readonly string[],
  types: readonly ResourceType[],
  options: DeleteCommandOptions,
): Promise<readonly Doomed[]> {
  const found: Doomed[] = [];
  for (const { type, name } of parseTargets(words, types)) {
    if (name !== undefined && (options.all || options.selector !== undefined)) {
      throw new CliError(`${type.singular} ${name}, or all of the ${type.plural}?`, {
        hint: '--all and --selector go with a kind and no names',
      });
    }
    if (name !== undefined) found.push({ type, key: keyIn(type, options.namespace, name) });
    else if (!options.all && options.selector === undefined) {
      throw new CliError(`which of the ${type.plural}?`, { hint: 'name them, or say --all or --selector' });
    } else {
      const { items } = await client.list(type, {
        ...(type.namespaced && { namespace: options.namespace }),
        ...(options.selector !== undefined && { labelSelector: options.selector }),
      });
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

/** Resolves when the object with this uid is gone; `deadline` is in milliseconds since the epoch. */
async function gone(client: Client, { type, key }: Doomed, uid: string, deadline: number): Promise<void> {
  const scope = {
    fieldSelector: `metadata.name=${key.name}`,
    ...(key.namespace !== undefined && { namespace: key.namespace }),
  };
  const list = await client.list(type, scope).catch((error: unknown) => {
    // The kind itself has gone.
    if (isNotFound(error)) return undefined;
    throw error;
  });
  if (!list?.items.some((item) => item.metadata.uid === uid)) return;
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
          new CliError(`${displayName(type, key.name)} is still there, and the time is over`, {
            hint: `berth describe ${type.singular} ${key.name} tells what holds it`,
          }),
        ),
      Math.max(0, deadline - Date.now()),
    );
    const watch = client.watch(
      type,
      { ...scope, resourceVersion: list.metadata.resourceVersion },
      {
        events: (batch) => {
          if (batch.some((event) => event.type === 'DELETED' && event.object.metadata.uid === uid)) finish();
        },
        // The server ends watches as it likes, and when the kind goes.
        closed: () => {
          gone(client, { type, key }, uid, deadline).then(() => finish(), finish);
        },
      },
    );
  });
}
