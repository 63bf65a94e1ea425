import type { Client } from '../client/client.ts';
import { httpClient } from '../client/http-client.ts';
import { type HttpConnection, httpConnection, type ServerAccess } from '../client/http-connection.ts';
import { KubeconfigError, loadKubeconfig } from '../client/kubeconfig.ts';
import { dataDirectoryPath, readServerStatus } from '../cluster/data-directory.ts';
import { CliError } from './errors.ts';
import { notRunning } from './not-running.ts';

/** A connection to the cluster that a command line means. */
export interface Session {
  readonly client: Client;
  /** The wire below the client, for what only the command line asks for (tables). */
  readonly connection: HttpConnection;
  close(): void;
}

/** Connects to the running cluster of a data directory. Throws a {@link CliError} when none runs there. */
export function connect(options: { readonly dataDir?: string }): Session {
  const directory = dataDirectoryPath(options.dataDir);
  const status = readServerStatus(directory);
  if (status === undefined) throw notRunning(directory);
  const connection = httpConnection(access(`${directory}/kubeconfig`));
  return { connection, client: httpClient(connection), close: () => connection.close() };
}

function access(kubeconfig: string): ServerAccess {
  try {
    return loadKubeconfig(kubeconfig);
  } catch (error) {
    throw error instanceof KubeconfigError ? new CliError(error.message, { hint: 'berth up writes it anew' }) : error;
  }
}
