/*
 * Keeps the code that V8 compiles of the program, so that `berth` starts with it (bin/berth.js). V8 compiles a function
 * when it is first called, so the program runs here: a server with a small load, in this process.
 */
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import v8 from 'node:v8';
import { Client } from '../bench/support/server.mjs';

const { readSource, runScript, writeCompiled } = createRequire(import.meta.url)('../bin/program.js');
const REPLICAS = 10;
const SETS = '/apis/apps/v1/namespaces/default/statefulsets';
const PODS = '/api/v1/namespaces/default/pods';
const MAPS = '/api/v1/namespaces/default/configmaps';

v8.setFlagsFromString('--interrupt-budget=540672'); // as in bin/berth.js: flags are part of what V8 compares
const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-compile-'));
const up = 'up --runtime simulated --api-port 0 --dns-port 0 --data-dir'.split(' ');
process.argv = [process.execPath, path.join(import.meta.dirname, '..', 'bin', 'berth.js'), ...up, directory];
process.once('exit', () => fs.rmSync(directory, { recursive: true, force: true }));

const source = readSource();
const script = runScript(source);
const { apiServer } = await started(path.join(directory, 'berth.json'));
const token = /token: (\S+)/.exec(fs.readFileSync(path.join(directory, 'kubeconfig'), 'utf8'))[1];
const client = new Client({ port: new URL(apiServer).port, token });
await useEverything();
writeCompiled(source, script);
process.exit(0);

function pause() {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** What the server tells of itself once it has started. */
async function started(file) {
  for (;;) {
    const status = fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {};
    if (status.apiServer !== undefined) return status;
    await pause();
  }
}

async function until(path_, condition) {
  while (!condition(await client.get(path_))) await pause();
}

/** What a server is asked in its first second. */
async function useEverything() {
  for (const path_ of ['/readyz', '/api', '/apis', '/api/v1', '/apis/apps/v1', '/openapi/v3'])
    await client.send('GET', path_);
  const ends = await Promise.all([SETS, PODS, MAPS].map((path_) => client.watch(`${path_}?watch=1`, () => {})));
  await client.send('POST', SETS, set());
  await until(`${SETS}/warm`, ({ status }) => status?.readyReplicas === REPLICAS);
  await client.merge(`${PODS}/warm-0/status`, { status: { message: 'seen' } });
  const asTable = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  await client.send('GET', PODS, undefined, { accept: asTable });
  await client.send('GET', `${PODS}?labelSelector=app%3Dwarm&limit=3`);
  await client.merge(`${SETS}/warm/scale`, { spec: { replicas: 0 } });
  await until(`${SETS}/warm`, ({ status }) => status.replicas === 0);
  const map = await client.send('POST', MAPS, { metadata: { name: 'warm' }, data: { text: 'text' } });
  await client.send('PUT', `${MAPS}/warm`, { ...JSON.parse(map), data: { text: 'changed' } });
  await client.send('DELETE', `${MAPS}/warm`);
  for (const end of ends) end();
}

function set() {
  const labels = { app: 'warm' };
  const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Mi' } } };
  return {
    metadata: { name: 'warm' },
    spec: {
      serviceName: 'warm',
      replicas: REPLICAS,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'main', image: 'none', volumeMounts: [{ name: 'data', mountPath: '/data' }] }] },
      },
      volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
    },
  };
}
