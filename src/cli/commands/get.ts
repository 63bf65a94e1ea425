import { Command, Option } from 'commander';

import type { KubernetesObject } from '../../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../../api/resource-type.ts';
import { collectionPath, objectPath } from '../../client/http-client.ts';
import { connect, type Session } from '../connect.ts';
import { CliError } from '../errors.ts';
import { dataDirOption, namespaceOption } from '../options.ts';
import { formatTable, type Output, toJson, toYaml } from '../output.ts';
import { displayName, parseTargets, type Target } from '../resources.ts';
import { servedTypes } from '../served-types.ts';
import { lines } from '../stream-lines.ts';

/** The server's answer to a request for a table (`meta.k8s.io/v1`, `Table`). */
interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly {
    readonly cells: readonly unknown[];
    readonly object?: { readonly metadata?: { readonly namespace?: string } };
  }[];
}

interface GetOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly allNamespaces?: boolean;
  readonly output?: 'wide' | 'json' | 'yaml' | 'name';
  readonly selector?: string;
  readonly watch?: boolean;
  readonly ignoreNotFound?: boolean;
}

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json';

export function getCommand(output: Output): Command {
  return new Command('get')
    .description('show objects')
    .argument('<kind...>', 'KIND [NAME...], KIND,KIND, KIND/NAME, or all')
    .addOption(namespaceOption())
    .option('-A, --all-namespaces', 'of all namespaces')
    .addOption(new Option('-o, --output <format>', 'how to show them').choices(['wide', 'json', 'yaml', 'name']))
    .option('-l, --selector <labels>', 'only those with these labels: app=kv,tier!=test')
    .option('-w, --watch', 'go on showing what changes')
    .option('--ignore-not-found', 'nothing there is no error')
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      '\nExamples:\n  berth get statefulsets,pods,pvc\n  berth get pod kv-0 -o yaml\n  berth get pods -A -w',
    )
    .action(async (words: string[], options: GetOptions) => {
      const session = connect(options);
      try {
        const targets = parseTargets(words, await servedTypes(session.client));
        if (options.watch && targets.length !== 1) throw new CliError('--watch takes one kind, or one object');
        const [only] = targets;
        // Before anything is shown: a change in between is shown twice rather than not at all.
        const since = options.watch && only ? await presentVersion(session, only, options) : undefined;
        if (options.output === undefined || options.output === 'wide')
          await showTables(session, targets, options, output);
        else await showObjects(session, targets, options, options.output, output);
        if (since !== undefined && only) await watch(session, only, since, options, output);
      } finally {
        session.close();
      }
    });
}

function namespaceOf(type: ResourceType, options: GetOptions): string | undefined {
  return type.namespaced && !options.allNamespaces ? options.namespace : undefined;
}

function query(options: GetOptions): Record<string, string> {
  return options.selector === undefined ? {} : { labelSelector: options.selector };
}

function pathOf({ type, name }: Target, options: GetOptions): string {
  const namespace = namespaceOf(type, options);
  if (name === undefined) return collectionPath(type, namespace);
  if (options.allNamespaces && type.namespaced) throw new CliError('a name and --all-namespaces do not go together');
  return objectPath(type, namespace === undefined ? { name } : { namespace, name });
}

async function showTables(
  session: Session,
  targets: readonly Target[],
  options: GetOptions,
  output: Output,
): Promise<void> {
  // KIND NAME NAME is one table; several kinds are a table each, names with their kind in front.
  const byType = new Map<ResourceType, Target[]>();
  for (const target of targets) byType.set(target.type, [...(byType.get(target.type) ?? []), target]);
  let shown = 0;
  for (const [type, group] of byType) {
    const tables: Table[] = [];
    for (const target of group) {
      const table = await requestTable(session, target, options);
      if (table) tables.push(table);
    }
    const rows = tables.flatMap((table) => table.rows);
    const [first] = tables;
    if (first === undefined || rows.length === 0) continue;
    if (shown > 0) output.line();
    for (const line of tableLines({ ...first, rows }, type, options, byType.size > 1)) output.line(line);
    shown += rows.length;
  }
  if (shown === 0 && !options.watch && !options.ignoreNotFound) {
    const clusterWide = options.allNamespaces || targets.every(({ type }) => !type.namespaced);
    output.note(clusterWide ? 'No resources found' : `No resources found in ${options.namespace} namespace.`);
  }
}

async function requestTable(session: Session, target: Target, options: GetOptions): Promise<Table | undefined> {
  const answer = await request(session, target, options, TABLE);
  return answer as Table | undefined;
}

/** Undefined for an object that is not there, when that is no error. */
async function request(session: Session, target: Target, options: GetOptions, accept: string): Promise<unknown> {
  try {
    const { body } = await session.connection.request('GET', pathOf(target, options), {
      query: target.name === undefined ? query(options) : {},
      headers: { accept },
    });
    return JSON.parse(body.toString());
  } catch (error) {
    if (options.ignoreNotFound && (error as { code?: number }).code === 404) return undefined;
    throw error;
  }
}

function tableLines(
  table: Table,
  type: ResourceType,
  options: GetOptions,
  withKind: boolean,
  header = true,
  widths?: number[],
): readonly string[] {
  const columns = [...table.columnDefinitions.entries()].filter(
    ([, column]) => column.priority === 0 || options.output === 'wide',
  );
  const withNamespace = options.allNamespaces && type.namespaced;
  const rows = table.rows.map((row) => [
    ...(withNamespace ? [row.object?.metadata?.namespace ?? ''] : []),
    ...columns.map(([index, column]) => {
      const cell = String(row.cells[index] ?? '');
      return withKind && column.name === 'Name' ? displayName(type, cell) : cell;
    }),
  ]);
  const head = header
    ? [...(withNamespace ? ['NAMESPACE'] : []), ...columns.map(([, column]) => column.name.toUpperCase())]
    : [];
  return formatTable(head, rows, widths);
}

async function showObjects(
  session: Session,
  targets: readonly Target[],
  options: GetOptions,
  format: 'json' | 'yaml' | 'name',
  output: Output,
): Promise<void> {
  const objects: { readonly type: ResourceType; readonly object: KubernetesObject }[] = [];
  for (const target of targets) {
    const answer = await request(session, target, options, 'application/json');
    if (answer === undefined) continue;
    const { items } = answer as { items?: readonly KubernetesObject[] };
    for (const object of items ?? [answer as KubernetesObject])
      objects.push({ type: target.type, object: withKind(object, target.type) });
  }
  if (format === 'name') {
    for (const { type, object } of objects) output.line(displayName(type, object.metadata.name));
    return;
  }
  const [only] = objects;
  const single = targets.length === 1 && targets[0]?.name !== undefined;
  if (single && only === undefined) return;
  const value = single
    ? only?.object
    : { apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '' }, items: objects.map(({ object }) => object) };
  output.text(format === 'json' ? toJson(value) : toYaml(value));
}

/** Items of a list carry no kind of their own on the wire. What an object is comes first, as people expect it. */
function withKind(object: KubernetesObject, type: ResourceType): KubernetesObject {
  const { apiVersion = apiVersionOf(type), kind = type.kind, metadata, ...rest } = object;
  return { apiVersion, kind, metadata, ...rest };
}

/** The version that a list of the resource has now. */
async function presentVersion(session: Session, { type }: Target, options: GetOptions): Promise<string> {
  const { body } = await session.connection.request('GET', collectionPath(type, namespaceOf(type, options)), {
    query: { ...query(options), limit: '1' },
    headers: { accept: 'application/json' },
  });
  return (JSON.parse(body.toString()) as { metadata: { resourceVersion: string } }).metadata.resourceVersion;
}

/** Shows every change after the version, until the server or the user ends it. */
async function watch(
  session: Session,
  target: Target,
  since: string,
  options: GetOptions,
  output: Output,
): Promise<void> {
  const path = collectionPath(target.type, namespaceOf(target.type, options));
  let resourceVersion = since;
  const asTable = options.output === undefined || options.output === 'wide';
  const widths: number[] = [];
  for (;;) {
    const stream = await session.connection.stream('GET', path, {
      query: {
        ...query(options),
        watch: '1',
        resourceVersion,
        ...(target.name !== undefined && { fieldSelector: `metadata.name=${target.name}` }),
      },
      headers: { accept: asTable ? TABLE : 'application/json' },
    });
    for await (const line of lines(stream)) {
      const event = JSON.parse(line) as { type: string; object: Table & KubernetesObject & { message?: string } };
      if (event.type === 'ERROR') throw new CliError(event.object.message ?? 'the watch failed');
      if (event.object.metadata?.resourceVersion) resourceVersion = event.object.metadata.resourceVersion;
      if (event.type === 'BOOKMARK') continue;
      if (asTable)
        for (const text of tableLines(event.object, target.type, options, false, false, widths)) output.line(text);
      else if (options.output === 'name') output.line(displayName(target.type, event.object.metadata.name));
      else if (options.output === 'json') output.text(toJson(withKind(event.object, target.type)));
      else output.text(`---\n${toYaml(withKind(event.object, target.type))}`);
    }
  }
}
