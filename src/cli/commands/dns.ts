import { Resolver } from 'node:dns/promises';
import { Command } from 'commander';

import { EndpointSlices, Pods, Services } from '../../api/kinds.ts';
import { dataDirectoryPath, readServerStatus } from '../../cluster/data-directory.ts';
import { connect } from '../connect.ts';
import { dnsSuggestion } from '../dns-suggestion.ts';
import { CliError } from '../errors.ts';
import { notRunning } from '../not-running.ts';
import { dataDirOption, namespaceOption } from '../options.ts';
import { formatTable, type Output, toJson } from '../output.ts';

const TYPES = ['A', 'AAAA', 'SRV', 'PTR', 'CNAME', 'TXT', 'NS', 'SOA'] as const;
type RecordType = (typeof TYPES)[number];

interface DnsOptions {
  readonly dataDir?: string;
  readonly namespace: string;
  readonly output?: string;
}

export function dnsCommand(output: Output): Command {
  return new Command('dns')
    .description("ask the cluster's DNS server for a name")
    .argument('<name>', 'a name, short as inside a pod (kv, kv-0.kv) or in full, or an address for PTR')
    .argument('[type]', `${TYPES.join(', ')}; A when left out, PTR for an address`)
    .addOption(namespaceOption())
    .option('-o, --output <format>', 'json')
    .addOption(dataDirOption())
    .addHelpText(
      'after',
      '\nExamples:\n  berth dns kv-0.kv\n  berth dns kv.default.svc.cluster.local SRV\n  berth dns 10.244.0.2',
    )
    .action(async (name: string, typeWord: string | undefined, options: DnsOptions) => {
      if (options.output !== undefined && options.output !== 'json')
        throw new CliError(`no output format "${options.output}"`, { hint: 'json is the only one here' });
      const isAddress = /^[\d.]+$|:/.test(name);
      const word = (typeWord ?? (isAddress ? 'PTR' : 'A')).toUpperCase();
      const type = TYPES.find((known) => known === word);
      if (type === undefined)
        throw new CliError(`no record type "${typeWord}"`, { hint: `one of ${TYPES.join(', ')}` });
      const directory = dataDirectoryPath(options.dataDir);
      const server = readServerStatus(directory)?.dns;
      if (server === undefined) throw notRunning(directory);
      const resolver = new Resolver({ timeout: 2000, tries: 2 });
      resolver.setServers([server]);
      const found = await firstAnswer(resolver, isAddress ? [name] : candidates(name, options.namespace), type);
      if (found === undefined && isAddress) throw new CliError(`no ready pod and no service has the address ${name}`);
      if (found === undefined) throw new CliError(`${name}: no such name`, { hint: await suggestion(name, options) });
      const { answers, asked } = found;
      if (options.output === 'json') output.text(toJson({ name: asked, type, answers }));
      else
        for (const line of formatTable(
          [],
          answers.map((answer) => [asked, type, answer]),
        ))
          output.line(line);
    });
}

/** A short name is looked up as a pod of the namespace would: along the search list, before as it is. */
function candidates(name: string, namespace: string): readonly string[] {
  if (name.endsWith('.')) return [name.slice(0, -1)];
  const search = [`${namespace}.svc.cluster.local`, 'svc.cluster.local', 'cluster.local'];
  const searched = search.map((suffix) => `${name}.${suffix}`);
  return name.endsWith('.cluster.local') ? [name] : [...searched, name];
}

/** What the first of the names that exists is answered with; undefined when none does. */
async function firstAnswer(
  resolver: Resolver,
  names: readonly string[],
  type: RecordType,
): Promise<{ answers: readonly string[]; asked: string } | undefined> {
  let known: string | undefined;
  for (const name of names) {
    try {
      return { answers: await query(resolver, name, type), asked: name };
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENODATA') known ??= name;
      else if (code === 'EBADNAME' || code === 'EFORMERR')
        throw new CliError(`"${names.at(-1)}" is not a name that can be asked for`);
      else if (code !== 'ENOTFOUND' && code !== 'ESERVFAIL' && code !== 'EREFUSED')
        throw new CliError(`the DNS server did not answer: ${code}`);
    }
  }
  if (known !== undefined) throw new CliError(`${known} exists but has no ${type} record`);
  return undefined;
}

async function suggestion(name: string, options: DnsOptions): Promise<string> {
  const session = connect(options);
  try {
    const [pods, services, slices] = await Promise.all([
      session.client.list(Pods, { namespace: options.namespace }),
      session.client.list(Services),
      session.client.list(EndpointSlices),
    ]);
    return dnsSuggestion(name, options.namespace, {
      pods: pods.items,
      services: services.items,
      slices: slices.items,
    });
  } finally {
    session.close();
  }
}

async function query(resolver: Resolver, name: string, type: RecordType): Promise<readonly string[]> {
  switch (type) {
    case 'A':
      return resolver.resolve4(name);
    case 'AAAA':
      return resolver.resolve6(name);
    case 'CNAME':
      return resolver.resolveCname(name);
    case 'NS':
      return resolver.resolveNs(name);
    case 'TXT':
      return (await resolver.resolveTxt(name)).map((parts) => parts.join(''));
    case 'SRV':
      return (await resolver.resolveSrv(name)).map(
        (record) => `${record.priority} ${record.weight} ${record.port} ${record.name}`,
      );
    case 'PTR':
      return /^[\d.]+$|:/.test(name) ? resolver.reverse(name) : resolver.resolvePtr(name);
    case 'SOA': {
      const soa = await resolver.resolveSoa(name);
      return [`${soa.nsname} ${soa.hostmaster} ${soa.serial} ${soa.refresh} ${soa.retry} ${soa.expire} ${soa.minttl}`];
    }
  }
}
