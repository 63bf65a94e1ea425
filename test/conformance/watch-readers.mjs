// The clients of watchers.test.ts, in a thread of their own: in one process with the server they would take half of its time.
import { createHash } from 'node:crypto';
import https from 'node:https';
import { createSecureContext } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';

const { url, ca, token, count, lines } = workerData;
/** A few at a time: the handshakes of all at once would run into their time limit on a busy machine. */
const TOGETHER = 50;

const secureContext = createSecureContext({ ca });

const open = () =>
  new Promise((resolve, reject) => {
    https
      .get(url, { secureContext, agent: false, headers: { authorization: `Bearer ${token}` } }, (response) =>
        response.statusCode === 200 ? resolve(response) : reject(new Error(`answered with ${response.statusCode}`)),
      )
      .on('error', reject);
  });

/** Reads until `lines` have come; the digest is of all bytes, so who has the same has seen the same in the same order. */
const read = (response, chunks) =>
  new Promise((resolve, reject) => {
    const hash = createHash('sha1');
    let seen = 0;
    response.on('data', (chunk) => {
      hash.update(chunk);
      chunks?.push(chunk);
      for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) seen++;
      if (seen >= lines) resolve({ lines: seen, digest: hash.digest('hex') });
    });
    response.on('end', () => reject(new Error(`a watch ended after ${seen} lines`)));
    response.on('error', reject);
  });

const responses = [];
while (responses.length < count) {
  responses.push(...(await Promise.all(Array.from({ length: Math.min(TOGETHER, count - responses.length) }, open))));
}
const chunks = [];
const reading = Promise.all(responses.map((response, index) => read(response, index === 0 ? chunks : undefined)));
parentPort.postMessage('open');
const seen = await reading;
for (const response of responses) response.destroy();
parentPort.postMessage({ seen, first: Buffer.concat(chunks).toString() });
