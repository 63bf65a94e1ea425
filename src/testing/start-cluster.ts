import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import type { Client } from '../client/client.ts';
import * as cluster from '../cluster/cluster.ts';

export interface TestClusterOptions {
  /** 0 to 64; default 1. With 0 pods stay pending, for a test that plays the nodes itself. */
  readonly nodes?: number;
  /** `simulated` (default): pods take any image and become ready by themselves. `process`: real processes. */
  readonly runtime?: 'simulated' | 'process';
}

/** A whole cluster of a test's own. */
export interface TestCluster {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  /** A file that `kubectl` and every Kubernetes client takes. */
  readonly kubeconfig: string;
  /** The API in this process, without the way over HTTP. */
  readonly client: Client;
  /** Ends everything and removes every trace. */
  close(): Promise<void>;
}

/**
 * Starts a real cluster inside a test: API server, controllers, scheduler, DNS and nodes, on free ports and in a
 * directory of its own.
 *
 * @example
 * const cluster = await startCluster();
 * const config = new KubeConfig();
 * config.loadFromFile(cluster.kubeconfig);
 * await cluster.close();
 */
export async function startCluster(options: TestClusterOptions = {}): Promise<TestCluster> {
  const dataDir = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-test-'));
  const remove = (): void => fs.rmSync(dataDir, { recursive: true, force: true });
  const started = await cluster
    .startCluster({
      dataDir,
      runtime: options.runtime ?? 'simulated',
      isolation: 'auto',
      nodes: options.nodes ?? 1,
      apiPort: 0,
      dnsPort: 0,
      version: 'test',
    })
    .catch((error: unknown) => {
      remove();
      throw error;
    });
  return {
    url: started.status.apiServer,
    kubeconfig: started.status.kubeconfig,
    client: started.client,
    async close() {
      await started.stop({ pods: 'end' });
      remove();
    },
  };
}
