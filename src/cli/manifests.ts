import fs from 'node:fs';
import path from 'node:path';
import { LineCounter, parseAllDocuments } from 'yaml';

import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import { CliError } from './errors.ts';
import { shellWord } from './shell-word.ts';

/** An object as a file has it: not yet checked beyond having a kind and a name. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name?: string; readonly generateName?: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** One object of a file, and where it stands: `examples/kv.yaml:12`. */
export interface ManifestSource {
  readonly manifest: Manifest;
  readonly where: string;
}

const EXTENSIONS = ['.yaml', '.yml', '.json'];
/** A file larger than this is not a manifest. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;

/**
 * Reads every object of the given files, directories (their .yaml, .yml and .json files, by name) and `-` (standard
 * input), in order. Lists are taken apart. Throws a {@link CliError} that names file and line.
 */
export function readManifests(sources: readonly string[]): readonly ManifestSource[] {
  const found = sources.flatMap((source) => filesOf(source).flatMap(readFile));
  if (sources.length > 0 && found.length === 0) {
    throw new CliError(`${sources.join(', ')}: no objects in there`, {
      hint: 'a manifest has at least apiVersion, kind and metadata.name',
    });
  }
  return found;
}

function filesOf(source: string): readonly string[] {
  if (source === '-') return [source];
  let stat: fs.Stats;
  try {
    stat = fs.statSync(source);
  } catch (error) {
    throw unreadable(source, error);
  }
  if (!stat.isDirectory()) return [source];
  const files = fs
    .readdirSync(source)
    .filter((name) => EXTENSIONS.includes(path.extname(name)))
    .sort()
    .map((name) => path.join(source, name));
  if (files.length === 0) throw new CliError(`${source}: no ${EXTENSIONS.join(', ')} files in this directory`);
  return files;
}

function readFile(file: string): readonly ManifestSource[] {
  const shown = file === '-' ? 'standard input' : file;
  let bytes: Buffer;
  try {
    bytes = fs.readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw unreadable(shown, error);
  }
  if (bytes.length > MAX_FILE_BYTES)
    throw new CliError(`${shown}: ${bytes.length} bytes is too large for a manifest (at most ${MAX_FILE_BYTES})`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new CliError(`${shown}: not a text file`, { hint: 'a manifest is YAML or JSON in UTF-8' });
  }
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines, uniqueKeys: true, prettyErrors: false });
  return (Array.isArray(documents) ? documents : []).flatMap((document) => {
    const broken = document.errors[0];
    if (broken) {
      const { line, col } = lines.linePos(broken.pos[0]);
      throw new CliError(`${shown}:${line}:${col}: ${broken.message.split('\n')[0]}`, {
        hint: 'mend the YAML; nothing was applied',
      });
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 1000 });
    } catch (error) {
      throw new CliError(`${shown}: ${(error as Error).message}`);
    }
    if (value === null || value === undefined) return [];
    const at = document.contents?.range?.[0];
    return objectsOf(value, `${shown}:${at === undefined ? 1 : lines.linePos(at).line}`);
  });
}

function objectsOf(value: unknown, where: string): readonly ManifestSource[] {
  if (!isRecord(value))
    throw new CliError(`${where}: not an object`, { hint: 'a manifest begins with apiVersion and kind' });
  for (const field of ['apiVersion', 'kind']) {
    if (typeof value[field] !== 'string' || value[field] === '') throw new CliError(`${where}: ${field} is missing`);
  }
  if (String(value.kind).endsWith('List') && Array.isArray(value.items))
    return value.items.flatMap((item) => objectsOf(item, where));
  const metadata = value.metadata;
  if (!isRecord(metadata) || (typeof metadata.name !== 'string' && typeof metadata.generateName !== 'string')) {
    throw new CliError(`${where}: ${value.kind} has no metadata.name`);
  }
  return [{ manifest: value as unknown as Manifest, where }];
}

/** The resource a manifest is of, among those that are served. */
export function typeOfManifest({ manifest, where }: ManifestSource, types: readonly ResourceType[]): ResourceType {
  const type = types.find(
    (candidate) => candidate.kind === manifest.kind && apiVersionOf(candidate) === manifest.apiVersion,
  );
  if (type) return type;
  const sameKind = types.filter((candidate) => candidate.kind.toLowerCase() === manifest.kind.toLowerCase());
  const hint =
    sameKind.length > 0
      ? `did you mean ${sameKind.map((t) => `apiVersion: ${apiVersionOf(t)}, kind: ${t.kind}`).join(' or ')}?`
      : undefined;
  throw new CliError(
    `${where}: no kind ${manifest.kind} in ${manifest.apiVersion} is served`,
    hint === undefined ? {} : { hint },
  );
}

function unreadable(source: string, error: unknown): CliError {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOENT':
      return new CliError(`${source}: no such file or directory`, {
        ...(/^https?:/.test(source) && {
          hint: `addresses are not read: curl -L ${shellWord(source)} | berth apply -f -`,
        }),
      });
    case 'EACCES':
    case 'EPERM':
      return new CliError(`${source}: permission denied`);
    default:
      return new CliError(`${source}: ${(error as Error).message}`);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
