import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, vi } from 'vitest';

import { ApiError } from '../../src/api/errors.ts';
import type { Status } from '../../src/api/generated/types.ts';
import { tokenIssuer } from '../../src/apiserver/authentication/service-account-tokens.ts';
import { writeKubeconfig } from '../../src/apiserver/kubeconfig.ts';
import { openPki, type Pki } from '../../src/apiserver/pki/pki.ts';
import { type ApiServer, type ApiServerOptions, startApiServer } from '../../src/apiserver/server.ts';
import { type HttpConnection, httpConnection } from '../../src/client/http-connection.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import { type Logger, silentLogger } from '../../src/platform/logger.ts';
import { systemRandom } from '../../src/platform/random.ts';
import { createRegistry } from '../../src/registry/create-registry.ts';
import type { Registry } from '../../src/registry/requests.ts';
import { memoryStore } from '../../src/store/memory-store.ts';
import type { Store } from '../../src/store/store.ts';

/** An API server of its own for one test file: registry over a store in memory, and nothing that acts on it. */
export interface TestServer {
  readonly server: ApiServer;
  readonly store: Store;
  readonly registry: Registry;
  readonly pki: Pki;
  /** The administrator's connection. */
  readonly admin: HttpConnection;
  readonly directory: string;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  connect(access: { readonly token?: string; readonly cert?: string; readonly key?: string }): HttpConnection;
  close(): Promise<void>;
}

export async function startTestServer(
  options: Partial<ApiServerOptions> & { readonly clock?: Clock } = {},
): Promise<TestServer> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-api-'));
  const clock = options.clock ?? systemClock;
  const store = memoryStore();
  const pki = await openPki({ directory: join(directory, 'pki'), clock: systemClock, random: systemRandom });
  const registry = createRegistry({ store, clock, tokens: tokenIssuer(pki.serviceAccountKey) });
  await registry.bootstrap();
  const server = await startApiServer({ registry, clock, logger: silentLogger, pki, ...options });
  const kubeconfig = join(directory, 'kubeconfig');
  await writeKubeconfig(kubeconfig, {
    server: server.url,
    authorityCertificate: pki.authorityCertificate,
    credentials: { token: pki.adminToken },
  });
  const connect: TestServer['connect'] = (access) =>
    httpConnection({ server: server.url, ca: pki.authorityCertificate, ...access });
  const admin = connect({ token: pki.adminToken });
  return {
    server,
    store,
    registry,
    pki,
    admin,
    directory,
    kubeconfig,
    connect,
    async close() {
      admin.close();
      await server.close();
      await store.close();
      await rm(directory, { recursive: true });
    },
  };
}

/** The same with what it logs as an error, once it writes nothing more by itself: what changes from then on was asked for. */
export async function startLoggedServer(
  options: Partial<ApiServerOptions> = {},
): Promise<{ readonly server: TestServer; readonly logged: readonly string[] }> {
  const logged: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (message, fields) => logged.push(`${message} ${JSON.stringify(fields)}`),
    child: () => logger,
  };
  const server = await startTestServer({ logger, ...options });
  // The default roles are made in the background, these last.
  const made = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/system:basic-user';
  await vi.waitFor(() => server.admin.request('GET', made), { timeout: 60_000 });
  return { server, logged };
}

/** What the server says of a request that it refuses. */
export async function failure(attempt: Promise<unknown>): Promise<Status> {
  const error = await attempt.then(
    () => expect.unreachable('the request succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof ApiError)) throw error;
  return error.status;
}
