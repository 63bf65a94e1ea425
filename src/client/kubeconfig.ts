import fs from 'node:fs';
import path from 'node:path';
import { parse } from 'yaml';

import type { ServerAccess } from './http-connection.ts';

/** A kubeconfig that cannot be used: says which file, and what is wrong with it. */
export class KubeconfigError extends Error {
  override readonly name = 'KubeconfigError';
}

interface Named {
  readonly name?: string;
  readonly cluster?: Readonly<Record<string, unknown>>;
  readonly user?: Readonly<Record<string, unknown>>;
  readonly context?: { readonly cluster?: string; readonly user?: string };
}

interface Kubeconfig {
  readonly 'current-context'?: string;
  readonly clusters?: readonly Named[];
  readonly users?: readonly Named[];
  readonly contexts?: readonly Named[];
}

/**
 * The server and the credentials that the current context of a kubeconfig file names. Certificates and keys may be in
 * the file or in files beside it. Throws {@link KubeconfigError}.
 */
export function loadKubeconfig(file: string): ServerAccess {
  const config = read(file);
  const find = (list: readonly Named[] | undefined, kind: string, name: string | undefined): Named => {
    const found = list?.find((entry) => entry.name === name);
    if (!found) throw new KubeconfigError(`${file} has no ${kind} "${name}"`);
    return found;
  };
  const context = find(config.contexts, 'context', config['current-context']).context ?? {};
  const cluster = find(config.clusters, 'cluster', context.cluster).cluster ?? {};
  const user = find(config.users, 'user', context.user).user ?? {};
  if (typeof cluster.server !== 'string')
    throw new KubeconfigError(`${file}: cluster "${context.cluster}" has no server`);
  const ca = pem(file, cluster, 'certificate-authority');
  const cert = pem(file, user, 'client-certificate');
  const key = pem(file, user, 'client-key');
  return {
    server: cluster.server,
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(typeof user.token === 'string' && { token: user.token }),
    ...(cluster['insecure-skip-tls-verify'] === true && { insecureSkipTlsVerify: true }),
  };
}

function read(file: string): Kubeconfig {
  try {
    const config: unknown = parse(fs.readFileSync(file, 'utf8'));
    if (typeof config !== 'object' || config === null) throw new Error('it is empty');
    return config;
  } catch (error) {
    throw new KubeconfigError(`${file} cannot be read: ${(error as Error).message}`);
  }
}

/** `NAME-data` has it in base64, `NAME` says which file has it. */
function pem(file: string, entry: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const data = entry[`${name}-data`];
  if (typeof data === 'string') return Buffer.from(data, 'base64').toString();
  const elsewhere = entry[name];
  return typeof elsewhere === 'string'
    ? fs.readFileSync(path.resolve(path.dirname(file), elsewhere), 'utf8')
    : undefined;
}
