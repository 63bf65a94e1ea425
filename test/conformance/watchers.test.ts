import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestServer, type TestServer } from '../support/api-server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
/** `BERTH_WATCHERS=1000,10000` is the size that the project promises; it takes two cores for a while. */
const [WATCHERS = 1_000, OBJECTS = 500] = (process.env.BERTH_WATCHERS ?? '').split(',').filter(Boolean).map(Number);
const WRITERS = 64;

/** What the readers saw: each of them how much, and the first of them what. */
interface Outcome {
  readonly seen: readonly { readonly lines: number; readonly digest: string }[];
  readonly first: string;
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

/** Opens all watches from a version on. */
async function startReaders(resourceVersion: string): Promise<{ readonly outcome: Promise<Outcome> }> {
  const worker = new Worker(new URL('watch-readers.mjs', import.meta.url), {
    workerData: {
      url: `${server.server.url}${configMaps}?watch=1&resourceVersion=${resourceVersion}`,
      ca: server.pki.authorityCertificate,
      token: server.pki.adminToken,
      count: WATCHERS,
      lines: OBJECTS,
    },
  });
  await once(worker, 'message');
  return { outcome: once(worker, 'message').then(([outcome]) => outcome as Outcome) };
}

test(`${WATCHERS} watchers see each of ${OBJECTS} changes once and in order, also beside ones that do not read`, async () => {
  const { body } = await server.admin.request('GET', configMaps);
  const { resourceVersion } = JSON.parse(body.toString()).metadata;
  const idle = await Promise.all(
    [1, 2].map(() => server.admin.stream('GET', configMaps, { query: { watch: 1, resourceVersion } })),
  );
  for (const stream of idle) stream.pause();
  const openedMs = performance.now();
  const { outcome } = await startReaders(resourceVersion);

  const startedMs = performance.now();
  const written: string[] = [];
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < OBJECTS) {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `w-${next++}` }, data: { text: 'x' } };
      const answer = await server.admin.request('POST', configMaps, { body: JSON.stringify(object) });
      written.push(JSON.parse(answer.body.toString()).metadata.resourceVersion);
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
  const writtenMs = performance.now();

  const { seen, first } = await outcome;
  if (process.env.BERTH_WATCHERS !== undefined) {
    const seconds = (untilMs: number): string => ((untilMs - startedMs) / 1000).toFixed(1);
    console.log(
      `opened in ${((startedMs - openedMs) / 1000).toFixed(1)} s, written in ${seconds(writtenMs)} s, seen by all in ${seconds(performance.now())} s`,
    );
  }
  const events = first
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['ADDED']));
  expect(events.map(({ object }) => object.metadata.resourceVersion)).toEqual(
    written.sort((a, b) => Number(a) - Number(b)),
  );
  expect(seen).toHaveLength(WATCHERS);
  expect(new Set(seen.map(({ digest, lines }) => `${lines} ${digest}`)).size).toBe(1);
  for (const stream of idle) stream.destroy();
});
