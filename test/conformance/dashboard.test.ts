import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import {
  CronJobApi,
  KubeEventApi,
  KubeJsonApi,
  NamespaceApi,
  NodeApi,
  PersistentVolumeClaimApi,
  PodApi,
  PodMetricsApi,
  SecretApi,
  ServiceApi,
  StatefulSetApi,
} from '@freelensapp/kube-api';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { loadKubeconfig } from '../../src/client/kubeconfig.ts';
import { type Cluster, startCluster } from '../../src/cluster/cluster.ts';

/** Of what `fetch` takes and gives: as much as a dashboard needs in Node.js, with the authority of this cluster. */
interface Asked {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

function fetchWith(agent: Agent, token: string) {
  return (url: string, { method, headers, body, signal }: Asked): Promise<object> =>
    new Promise((resolve, reject) => {
      const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
      const asking = request(
        url,
        {
          method: method.toUpperCase(),
          headers: { ...headers, ...length, authorization: `Bearer ${token}` },
          agent,
          ...(signal && { signal }),
        },
        (answer) => {
          // The end of a watch.
          answer.on('error', () => {});
          const { statusCode: status = 0, statusMessage: statusText } = answer;
          resolve({ status, statusText, ok: status < 300, body: answer, text: () => text(answer) });
        },
      );
      asking.on('error', reject);
      asking.end(body);
    });
}

const namespace = 'default';
const labels = { app: 'shown' };
const spec = {
  serviceName: 'shown',
  replicas: 1,
  selector: { matchLabels: labels },
  template: {
    metadata: { labels },
    spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'c', image: 'x' }] },
  },
};

describe('a dashboard (Freelens)', () => {
  let directory: string;
  let cluster: Cluster;
  let agent: Agent;
  let pods: PodApi;
  let sets: StatefulSetApi;
  /** What the classes of a dashboard are made with; their own type names packages that are not published. */
  let dependencies: never;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'berth-dashboard-'));
    cluster = await startCluster({
      dataDir: path.join(directory, 'data'),
      runtime: 'simulated',
      isolation: 'auto',
      nodes: 1,
      apiPort: 0,
      dnsPort: 0,
      version: 'test',
    });
    const { server, ca, token = '' } = loadKubeconfig(cluster.status.kubeconfig);
    agent = new Agent({ ca, keepAlive: true });
    const none = (): void => {};
    const logger = { debug: none, info: none, warn: none, error: none, silly: none };
    const maybeKubeApi = new KubeJsonApi(
      { fetch: fetchWith(agent, token) as never, logger },
      { serverAddress: server, apiBase: '' },
    );
    dependencies = { maybeKubeApi, logInfo: none, logWarn: none, logError: none } as never;
    pods = new PodApi(dependencies);
    sets = new StatefulSetApi(dependencies);
  });
  afterAll(async () => {
    agent.destroy();
    await cluster.stop({ pods: 'end' });
    await rm(directory, { recursive: true });
  });

  test('lists what there is, and is told what there is not', async () => {
    const nodes = new NodeApi(dependencies);
    const present = [
      nodes,
      new NamespaceApi(dependencies),
      new SecretApi(dependencies),
      new ServiceApi(dependencies),
      new PersistentVolumeClaimApi(dependencies),
      new KubeEventApi(dependencies, {}),
    ];
    for (const api of present) expect(await api.list({ namespace: '' })).toBeInstanceOf(Array);
    const [node] = (await nodes.list()) ?? [];
    expect([node?.getName(), node?.getCpuCapacity()]).toEqual(['node-0', expect.any(Number)]);
    for (const api of [new CronJobApi(dependencies, {}), new PodMetricsApi(dependencies, {})]) {
      const refused = await api.list({ namespace }).catch((error: unknown) => String(error));
      expect(refused).toBe('the server could not find the requested resource');
    }
  });

  test('sees a set grow, edits and restarts it, and takes its pods away', async () => {
    const seen: string[] = [];
    await pods.list({ namespace });
    const stop = pods.watch({
      namespace,
      callback: (event) => event?.type === 'ERROR' || seen.push(`${event?.type} ${event?.object.metadata.name}`),
    });
    const until = (condition: () => Promise<void> | void): Promise<void> =>
      vi.waitFor(condition, { timeout: 30_000, interval: 50 });
    const shown = { namespace, name: 'shown' };
    const running = async (names: readonly string[]): Promise<void> => {
      const list = (await pods.list({ namespace })) ?? [];
      expect(list.map((pod) => `${pod.getName()} ${pod.getStatusMessage()}`).toSorted()).toEqual(
        names.map((name) => `${name} Running`),
      );
    };
    await sets.create(shown, { spec } as never);
    await until(() => running(['shown-0']));
    await sets.scale(shown, 2);
    await until(() => running(['shown-0', 'shown-1']));
    expect(await sets.getReplicas(shown)).toBe(2);
    await until(() =>
      expect(seen).toEqual(expect.arrayContaining(['ADDED shown-0', 'ADDED shown-1', 'MODIFIED shown-1'])),
    );

    // Again when the controller has written the status in between.
    await until(async () => {
      const set = await sets.get(shown);
      const edited = JSON.parse(JSON.stringify({ ...set, metadata: { ...set?.metadata, annotations: { note: 'a' } } }));
      await sets.update(shown, edited);
    });
    await sets.patch(shown, [{ op: 'replace', path: '/metadata/annotations/note', value: 'b' }] as never, 'json');
    expect((await sets.get(shown))?.metadata.annotations).toMatchObject({ note: 'b' });

    const uid = async (name: string): Promise<string | undefined> => (await pods.get({ namespace, name }))?.getId();
    const before = await uid('shown-0');
    await sets.restart(shown);
    await until(async () => {
      await running(['shown-0', 'shown-1']);
      expect(await uid('shown-0')).not.toBe(before);
    });
    await until(() => expect(seen).toContain('DELETED shown-0'));

    const evicted = await uid('shown-1');
    expect(await pods.evict({ namespace, name: 'shown-1' })).toContain('201: Success');
    await until(async () => expect(await uid('shown-1').catch(() => evicted)).not.toBe(evicted));
    const forced = await uid('shown-0');
    await pods.forceDelete({ namespace, name: 'shown-0' });
    await until(async () => expect(await uid('shown-0').catch(() => forced)).not.toBe(forced));
    stop();

    await sets.delete(shown);
    await until(() => running([]));
    const missing = await sets.get(shown).catch((error: unknown) => String(error));
    expect(missing).toBe('statefulsets.apps "shown" not found');
  });
});
