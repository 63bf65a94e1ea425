import { afterAll, beforeAll, expect, test } from 'vitest';

import { startTestServer, type TestServer } from '../support/api-server.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const WATCHERS = 200;
const OBJECTS = 500;

/** The version of each event's object, in the order they came. */
const versionsIn = (text: string): number[] =>
  text
    .trim()
    .split('\n')
    .map((line) => Number(/"resourceVersion":"(\d+)"/.exec(line)?.[1]));

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server.close());

test(`${WATCHERS} watchers see each of ${OBJECTS} changes once and in order, also beside one that does not read`, async () => {
  const { body } = await server.admin.request('GET', configMaps);
  const { resourceVersion } = JSON.parse(body.toString()).metadata;
  const query = { watch: 1, resourceVersion };
  const idle = await server.admin.stream('GET', configMaps, { query });
  idle.pause();

  const watchers = await Promise.all(
    Array.from({ length: WATCHERS }, async () => {
      const stream = await server.admin.stream('GET', configMaps, { query });
      const chunks: Buffer[] = [];
      let lines = 0;
      const complete = new Promise<number[]>((resolve, reject) => {
        stream.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          for (let at = chunk.indexOf('\n'); at >= 0; at = chunk.indexOf('\n', at + 1)) lines++;
          if (lines === OBJECTS) resolve(versionsIn(Buffer.concat(chunks).toString()));
        });
        stream.on('end', () => reject(new Error('the watch ended')));
      });
      return { stream, complete };
    }),
  );

  const written: number[] = [];
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < OBJECTS) {
      const name = `w-${next++}`;
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { text: 'x'.repeat(500) } };
      const answer = await server.admin.request('POST', configMaps, { body: JSON.stringify(object) });
      written.push(Number(JSON.parse(answer.body.toString()).metadata.resourceVersion));
    }
  };
  await Promise.all(Array.from({ length: 16 }, write));
  written.sort((a, b) => a - b);

  for (const { stream, complete } of watchers) {
    expect(await complete).toEqual(written);
    stream.destroy();
  }
  idle.destroy();
});
