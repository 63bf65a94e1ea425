/* The load of StatefulSets: their pods have no nodes, and are reported ready from outside as soon as they are seen. */
import { Client, each, processorMs } from './server.mjs';

const SETS = '/apis/apps/v1/namespaces/default/statefulsets';
const PODS = '/api/v1/namespaces/default/pods';

function newSet(name, replicas) {
  const labels = { app: name };
  return {
    metadata: { name, labels: { bench: 'sets' } },
    spec: {
      serviceName: 'bench',
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: 0,
          containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
        },
      },
      volumeClaimTemplates: [
        {
          metadata: { name: 'data' },
          spec: {
            accessModes: ['ReadWriteOnce'],
            storageClassName: 'none', // nobody provides it: this is about the control plane
            resources: { requests: { storage: '1Gi' } },
          },
        },
      ],
    },
  };
}

function readyStatus() {
  const now = `${new Date().toISOString().slice(0, 19)}Z`;
  const condition = (type) => ({ type, status: 'True', lastTransitionTime: now });
  const state = { running: { startedAt: now } };
  return {
    status: {
      phase: 'Running',
      podIP: '10.1.2.3',
      startTime: now,
      conditions: ['PodScheduled', 'ContainersReady', 'Ready'].map(condition),
      containerStatuses: [
        { name: 'main', image: 'none', imageID: 'none', ready: true, started: true, restartCount: 0, state },
      ],
    },
  };
}

/**
 * Makes `sets` sets of `replicas` pods, one after the other in each, waits until all are ready, scales all to nothing
 * and waits until that is done. Answers with milliseconds, and with the server's processor time.
 */
export async function runSets(server, { sets, replicas }) {
  const client = new Client(server);
  const version = async (path) => (await client.get(`${path}?limit=1`)).metadata.resourceVersion;
  const [podsFrom, setsFrom] = [await version(PODS), await version(SETS)];
  const failures = [];
  const seen = new Set();
  const endPods = await client.watch(`${PODS}?watch=1&resourceVersion=${podsFrom}`, (lines) => {
    for (const line of lines) {
      const { type, object } = JSON.parse(line);
      const { name, uid, deletionTimestamp } = object.metadata;
      if (type === 'DELETED' || deletionTimestamp !== undefined || seen.has(uid)) continue;
      seen.add(uid);
      client.merge(`${PODS}/${name}/status`, readyStatus()).catch((error) => failures.push(error));
    }
  });
  let isDone = () => false;
  let onAll = () => {};
  const done = new Set();
  const endSets = await client.watch(`${SETS}?watch=1&resourceVersion=${setsFrom}`, (lines) => {
    for (const line of lines) {
      const { type, object } = JSON.parse(line);
      if (type !== 'DELETED' && isDone(object)) done.add(object.metadata.name);
    }
    if (done.size === sets) onAll();
  });
  const all = (condition) => {
    done.clear();
    isDone = condition;
    return new Promise((resolve) => {
      onAll = resolve;
    });
  };
  const timed = async (work) => {
    const processorBefore = processorMs(server);
    const begin = performance.now();
    await work();
    return { ms: performance.now() - begin, processorMs: processorMs(server) - processorBefore };
  };
  const names = Array.from({ length: sets }, (_, index) => `bench-${index}`);

  const ready = all(({ status }) => status?.readyReplicas === replicas);
  const up = await timed(async () => {
    await each(names, 64, (name) => client.send('POST', SETS, newSet(name, replicas)));
    await ready;
  });
  const gone = all(({ spec, status }) => spec.replicas === 0 && status?.replicas === 0);
  const down = await timed(async () => {
    await each(names, 64, (name) => client.merge(`${SETS}/${name}/scale`, { spec: { replicas: 0 } }));
    await gone;
  });
  endPods();
  endSets();
  client.close();
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} pods could not be reported ready`);
  return { up, down };
}
