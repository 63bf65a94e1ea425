import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startTestServer, type TestServer } from '../../test/support/api-server.ts';
import { echoServer, processStreams } from '../../test/support/process-streams.ts';
import type { Pod } from '../api/generated/types.ts';
import { Pods } from '../api/kinds.ts';
import { httpClient } from './http-client.ts';
import { httpPodStreams } from './http-pod-streams.ts';
import type { PodStreams } from './pod-streams.ts';

const node = processStreams();
let server: TestServer;
let pod: Pod;
let streams: PodStreams;
beforeAll(async () => {
  server = await startTestServer({ streams: (name) => (name === 'node-0' ? node : undefined) });
  pod = await httpClient(server.admin).create(Pods, {
    metadata: { name: 'p', namespace: 'default' },
    spec: { nodeName: 'node-0', containers: [{ name: 'main', image: 'demo' }] },
  });
  streams = httpPodStreams(server.admin);
});
afterAll(() => server.close());

const log = { container: 'main', follow: false, previous: false, timestamps: false };

describe('the streams of a pod over HTTP', () => {
  test('P7 log', async () => {
    expect(await text(await streams.logs(pod, log))).toBe('one\ntwo\nthree\n');
    expect(await text(await streams.logs(pod, { ...log, follow: true, tailLines: 1 }))).toBe('three\nlater\n');
    await expect(streams.logs(pod, { ...log, container: 'other' })).rejects.toMatchObject({ reason: 'BadRequest' });
  });

  test('P7 exec: input, both outputs, exit code', async () => {
    const command = ['sh', '-c', 'cat; echo bad >&2; exit 3'];
    const session = await streams.exec(pod, { container: 'main', command, stdin: true, tty: false });
    session.stdin?.end('typed');
    const [out, bad] = await Promise.all([text(session.stdout), text(session.stderr!)]);
    expect({ out, bad, code: await session.exited }).toEqual({ out: 'typed', bad: 'bad\n', code: 3 });
  });

  test('P7 exec without input', async () => {
    const session = await streams.exec(pod, { container: 'main', command: ['echo', 'hi'], stdin: false, tty: false });
    expect(session.stdin).toBeUndefined();
    expect(await text(session.stdout)).toBe('hi\n');
    expect(await session.exited).toBe(0);
  });

  test('P7 a terminal has one output and a size', async () => {
    const session = await streams.attach(pod, { container: 'main', stdin: true, tty: true });
    expect(session.stderr).toBeUndefined();
    session.resize(132, 43);
    session.stdin?.end('x');
    expect(await text(session.stdout)).toBe('x');
    expect(node.sizes).toContainEqual([132, 43]);
    expect(await session.exited).toBe(0);
  });

  test('P7 a command that is not there', async () => {
    const session = await streams.exec(pod, { container: 'main', command: ['no-such'], stdin: false, tty: false });
    await expect(session.exited).rejects.toThrow('cannot run no-such');
  });

  test('P7 a client that goes away ends its command', async () => {
    const command = ['sh', '-c', 'echo $$; sleep 1000'];
    const session = await streams.exec(pod, { container: 'main', command, stdin: false, tty: false });
    const id = Number(await new Promise((resolve) => session.stdout.once('data', resolve)));
    session.kill();
    await expect(session.exited).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
    await expect.poll(() => isAlive(id)).toBe(false);
  });

  test('P7 port-forward', async () => {
    const echo = await echoServer();
    const connection = await streams.portForward(pod, echo.port);
    connection.write('hello');
    expect(String(await new Promise((resolve) => connection.once('data', resolve)))).toBe('hello');
    connection.destroy();
    echo.close();
  });

  test('a pod that is not there, or on no node, or on one that is gone', async () => {
    const options = { container: 'main', command: ['true'], stdin: false, tty: false };
    const named = (name: string): Pod => ({ ...pod, metadata: { ...pod.metadata, name } });
    await expect(streams.exec(named('none'), options)).rejects.toMatchObject({ reason: 'NotFound', code: 404 });
    const client = httpClient(server.admin);
    const spec = { containers: [{ name: 'main', image: 'demo' }] };
    const unbound = await client.create(Pods, { metadata: { name: 'unbound', namespace: 'default' }, spec });
    await expect(streams.exec(unbound, options)).rejects.toThrow('pod unbound does not have a host assigned');
    const lost = await client.create(Pods, {
      metadata: { name: 'lost', namespace: 'default' },
      spec: { ...spec, nodeName: 'node-9' },
    });
    await expect(streams.exec(lost, options)).rejects.toMatchObject({ reason: 'ServiceUnavailable' });
  });
});

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}
