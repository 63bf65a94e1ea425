import { once } from 'node:events';
import fs from 'node:fs';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { connect, type Session } from '../../src/cli/connect.ts';
import { type Server, TestBerth } from './support.ts';

const configMaps = '/api/v1/namespaces/default/configmaps';
const PADDING = 'x'.repeat(300_000);
const OBJECTS = 60;
/** Together far more than a watch may be behind (32 MiB). */
const CHANGES = 300;
const SLOW = 12;

let berth: TestBerth;
let server: Server;
let session: Session;
beforeAll(async () => {
  berth = new TestBerth('slow');
  server = await berth.up('--nodes', '0');
  session = connect({ dataDir: berth.dataDir });
});
afterAll(async () => {
  session.close();
  await berth.close();
});

/** Bytes of memory that is the server's own: what is mapped from its store is not counted. */
function serverMemory(): number {
  const status = fs.readFileSync(`/proc/${server.child.pid}/status`, 'utf8');
  return Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

const body = (name: string, round: number): string =>
  JSON.stringify({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name },
    data: { padding: PADDING, round: `${round}` },
  });

/** All that still comes on a connection that was not read until now. */
async function readOn(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(chunk as Buffer);
  } catch {
    // cut off
  }
  return Buffer.concat(chunks).toString();
}

const canMeasure = process.platform === 'linux';
if (!canMeasure) console.warn('SKIPPED: the memory of a process is read from /proc');

test.skipIf(!canMeasure)(
  'D6 clients that do not read cost the server no memory, lose their watches, and hold nobody up',
  async () => {
    const { connection } = session;
    for (let count = 0; count < OBJECTS; count++) {
      await connection.request('POST', configMaps, { body: body(`large-${count}`, 0) });
    }
    const { body: list } = await connection.request('GET', configMaps, { query: { limit: 1 } });
    const { resourceVersion } = JSON.parse(list.toString()).metadata;
    const watch = { watch: 1, resourceVersion };
    const reading = await connection.stream('GET', configMaps, { query: watch });
    const slow = async (query: Record<string, string | number>): Promise<Readable> => {
      const stream = await connection.stream('GET', configMaps, { query });
      stream.pause();
      return stream;
    };
    const lists = await Promise.all(Array.from({ length: SLOW }, () => slow({})));
    const watches = await Promise.all(Array.from({ length: SLOW }, () => slow(watch)));
    const watchesWithState = await Promise.all(Array.from({ length: SLOW }, () => slow({ watch: 1 })));

    const rounds: number[] = [];
    const complete = new Promise<void>((resolve, reject) => {
      let rest = '';
      reading.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) rounds.push(Number(JSON.parse(line).object.data.round));
        if (rounds.length === CHANGES) resolve();
      });
      reading.on('end', () => reject(new Error('the watch ended')));
    });
    let mostBytes = 0;
    for (let round = 1; round <= CHANGES; round++) {
      await connection.request('PUT', `${configMaps}/large-0`, { body: body('large-0', round) });
      mostBytes = Math.max(mostBytes, serverMemory());
      // The one that reads is not to be taken for a slow one, however busy this process is.
      while (rounds.length < round - 20) await once(reading, 'data');
    }
    await complete;
    reading.destroy();
    expect(rounds).toEqual(Array.from({ length: CHANGES }, (_, index) => index + 1));
    // The lists are 200 MB together, and the changes 90 MB for each watch.
    expect(mostBytes).toBeLessThan(500e6);

    for (const stream of [...watches, ...watchesWithState]) {
      const text = await readOn(stream);
      expect(text.split('"round"').length).toBeLessThan(CHANGES);
      // Its last words, if the client came back before the connection was cut.
      if (text.endsWith('}\n')) expect(text).toContain('"reason":"Expired","code":410');
    }
    for (const stream of lists) {
      const text = await readOn(stream);
      // Of one that comes back too late the connection has been cut.
      if (text.endsWith(']}')) expect(JSON.parse(text).items.length).toBeGreaterThanOrEqual(OBJECTS);
    }
  },
);
