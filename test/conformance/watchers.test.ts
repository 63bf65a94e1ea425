import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestServer, type TestServer } from '../support/api-server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
/** `BERTH_WATCHERS=1000,10000` is the size that the project promises; it takes a core and a half for a while. */
const [WATCHERS = 200, OBJECTS = 1_000] = (process.env.BERTH_WATCHERS ?? '').split(',').filter(Boolean).map(Number);
const WRITERS = 64;

interface Seen {
  readonly lines: number;
  /** Of all bytes: who has the same has seen the same, in the same order. */
  readonly digest: string;
}

/** Reads on until `count` lines have come, and a moment longer if more come with them. */
function readLines(stream: Readable, count: number, each?: (chunk: Buffer) => void): Promise<Seen> {
  const hash = createHash('sha1');
  let lines = 0;
  return new Promise((resolve, reject) => {
    stream.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      each?.(chunk);
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) lines++;
      if (lines >= count) resolve({ lines, digest: hash.digest('hex') });
    });
    stream.on('end', () => reject(new Error(`the watch ended after ${lines} lines`)));
    stream.on('error', reject);
  });
}

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test(`${WATCHERS} watchers see each of ${OBJECTS} changes once and in order, also beside ones that do not read`, async () => {
  const { body } = await server.admin.request('GET', configMaps);
  const query = { watch: 1, resourceVersion: JSON.parse(body.toString()).metadata.resourceVersion };
  const open = (): Promise<Readable> => server.admin.stream('GET', configMaps, { query });
  const idle = await Promise.all([open(), open()]);
  for (const stream of idle) stream.pause();

  const chunks: Buffer[] = [];
  const streams: Readable[] = [];
  while (streams.length < WATCHERS) {
    // A few at a time: the handshakes of all at once would run into their time limit on a busy machine.
    streams.push(...(await Promise.all(Array.from({ length: Math.min(50, WATCHERS - streams.length) }, open))));
  }
  const startedMs = performance.now();
  const seen = streams.map((stream, index) =>
    readLines(stream, OBJECTS, index === 0 ? (chunk) => chunks.push(chunk) : undefined),
  );

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

  const [first, ...others] = await Promise.all(seen);
  if (process.env.BERTH_WATCHERS !== undefined) {
    const seconds = (untilMs: number): string => ((untilMs - startedMs) / 1000).toFixed(1);
    console.log(`written in ${seconds(writtenMs)} s, seen by all in ${seconds(performance.now())} s`);
  }
  const events = Buffer.concat(chunks)
    .toString()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['ADDED']));
  expect(events.map(({ object }) => object.metadata.resourceVersion)).toEqual(
    written.sort((a, b) => Number(a) - Number(b)),
  );
  for (const other of others) expect(other).toEqual(first);
  for (const stream of [...streams, ...idle]) stream.destroy();
});
