import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';

import type { Container, Probe } from '../../api/generated/types.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import type { PodStatus, Runtime } from '../runtimes/runtime.ts';
import { SimulatedRuntime } from '../runtimes/simulated/simulated-runtime.ts';
import { reach } from './address.ts';
import { failure, type ProbeOutcome, success } from './outcome.ts';
import { afterOutcome, initialState, type ProbeKind } from './probe-state.ts';
import { ProbeWorker } from './probe-worker.ts';
import { runProbe } from './run-probe.ts';

const cleanUp: (() => void)[] = [];
afterEach(() => {
  for (const end of cleanUp.splice(0)) end();
});

async function listening(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => server.close());
  return (server.address() as AddressInfo).port;
}

const runtime: Runtime = new SimulatedRuntime({ clock: new VirtualClock() });
const container: Container = { name: 'main' };
const pod: PodStatus = {
  uid: 'uid',
  namespace: 'default',
  name: 'db-0',
  alive: true,
  ips: ['127.0.0.1'],
  startedAtMs: 0,
  containers: [],
};

function probe(
  action: Probe,
  { in: inContainer = container, limitMs = 5_000, on = runtime } = {},
): Promise<ProbeOutcome> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(new Error('too slow')), limitMs);
  return runProbe(on, 'uid', pod, inContainer, action, abort.signal).finally(() => clearTimeout(timer));
}

describe('P2 where a probe goes', () => {
  const named = { name: 'main', ports: [{ name: 'web', containerPort: 8080 }] };
  const shared = { ...pod, ports: { 8080: 20_001 } };

  test.each([
    ['a port of the pod', pod, { port: 8080 }, { host: '127.0.0.1', port: 8080 }],
    ['its name', pod, { port: 'web' }, { host: '127.0.0.1', port: 8080 }],
    ['another host', pod, { host: '10.0.0.9', port: 8080 }, { host: '10.0.0.9', port: 8080 }],
    ['what a declared port really is', shared, { port: 8080 }, { host: '127.0.0.1', port: 20_001 }],
    ['what a port with a name really is', shared, { port: 'web' }, { host: '127.0.0.1', port: 20_001 }],
    ['a port that was not declared', shared, { port: 9090 }, { host: '127.0.0.1', port: 9090 }],
    ['a port of another host', shared, { host: '10.0.0.9', port: 8080 }, { host: '10.0.0.9', port: 8080 }],
    ['no such port', pod, { port: 'db' }, { unreachable: 'the container has no port named "db"' }],
    ['a pod without an address', undefined, { port: 8080 }, { unreachable: 'the pod has no address' }],
  ])('%s', (_, on, to, expected) => {
    expect(reach(on, named, to)).toEqual(expected);
  });
});

describe('P2 an HTTP probe', () => {
  test.each([
    [200, true],
    [204, true],
    [302, true],
    [399, true],
    [400, false],
    [404, false],
    [503, false],
  ])('takes the code %i for success: %s', async (code, expected) => {
    const port = await listening(http.createServer((_request, response) => response.writeHead(code).end('page')));
    expect(await probe({ httpGet: { port } })).toMatchObject({
      success: expected,
      output: expect.stringContaining(String(code)),
    });
  });

  test('asks for the path with the headers it was given, on the port of that name', async () => {
    let seen: http.IncomingMessage | undefined;
    const port = await listening(
      http.createServer((request, response) => {
        seen = request;
        response.end();
      }),
    );
    const named = { ...container, ports: [{ name: 'web', containerPort: port }] };
    const httpHeaders = [
      { name: 'Host', value: 'redis.example' },
      { name: 'X-Probe', value: 'yes' },
    ];
    expect((await probe({ httpGet: { port: 'web', path: '/ready?deep=1', httpHeaders } }, { in: named })).success).toBe(
      true,
    );
    expect(seen?.url).toBe('/ready?deep=1');
    expect(seen?.headers).toMatchObject({ host: 'redis.example', 'x-probe': 'yes', 'user-agent': 'kube-probe/1.36' });
  });

  test('asks for a path as its bytes, and fails with a header that cannot be sent', async () => {
    let seen: http.IncomingMessage | undefined;
    const port = await listening(
      http.createServer((request, response) => {
        seen = request;
        response.end();
      }),
    );
    const httpGet = (value: string) => ({
      port,
      path: '/a b/é%20?q=\ud800',
      httpHeaders: [{ name: 'X-Probe', value }],
    });
    expect((await probe({ httpGet: httpGet('日本') })).success).toBe(true);
    expect(seen?.url).toBe('/a%20b/%C3%A9%20?q=%EF%BF%BD');
    expect(Buffer.from(String(seen?.headers['x-probe']), 'latin1').toString()).toBe('日本');
    expect((await probe({ httpGet: httpGet('a\nb') })).output).toContain('x-probe');
  });

  test('fails when nobody listens, when there is no such port, and when there is no answer in time', async () => {
    const server = http.createServer(() => {});
    const port = await listening(server);
    expect(await probe({ httpGet: { port } }, { limitMs: 50 })).toEqual(
      failure(`Get "http://127.0.0.1:${port}/": too slow`),
    );
    server.closeAllConnections();
    server.close();
    expect((await probe({ httpGet: { port } })).output).toContain('ECONNREFUSED');
    expect((await probe({ httpGet: { port: 'web' } })).success).toBe(false);
  });

  test('does not read a page without an end', async () => {
    const port = await listening(
      http.createServer((_request, response) => {
        const timer = setInterval(() => response.write('x'.repeat(4096)), 1);
        response.on('close', () => clearInterval(timer));
      }),
    );
    expect((await probe({ httpGet: { port } })).success).toBe(true);
  });
});

describe('P2 a TCP probe', () => {
  test('succeeds when the port is open', async () => {
    const server = net.createServer((socket) => socket.on('error', () => {}));
    const port = await listening(server);
    expect(await probe({ tcpSocket: { port } })).toEqual(success());
    server.close();
    expect((await probe({ tcpSocket: { port } })).output).toContain(`dial tcp 127.0.0.1:${port}`);
  });
});

describe('P2 a gRPC probe', () => {
  const serve = async (
    answer: (service: string) => { readonly message?: readonly number[]; readonly code: string },
  ) => {
    const server = http2.createServer();
    server.on('stream', (stream, headers) => {
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        expect(headers[':path']).toBe('/grpc.health.v1.Health/Check');
        const { message, code } = answer(Buffer.concat(chunks).subarray(7).toString());
        stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': code }));
        stream.end(message && Buffer.from([0, 0, 0, 0, message.length, ...message]));
      });
    });
    return listening(server);
  };

  test('succeeds when the service is serving', async () => {
    const port = await serve((service) => ({ message: [0x08, service === 'db' ? 1 : 2], code: '0' }));
    expect(await probe({ grpc: { port, service: 'db' } })).toEqual(success('SERVING'));
    expect(await probe({ grpc: { port } })).toEqual(failure('service unhealthy (responded with "NOT_SERVING")'));
  });

  test.each([
    [
      'fields it does not know before the status',
      [0x12, 2, 7, 7, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x08, 1],
    ],
    ['a number it does not know', [0x18, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0x08, 1]],
    ['the status twice', [0x08, 2, 0x08, 1]],
    ['a status written long', [0x08, 0x81, 0]],
  ])('reads an answer with %s', async (_, message) => {
    const port = await serve(() => ({ message, code: '0' }));
    expect(await probe({ grpc: { port } })).toEqual(success('SERVING'));
  });

  test.each([
    ['cut short', [0x08]],
    ['longer than it is', [0x08, 1, 0x12, 9, 0]],
    ['with a number without an end', [0x08, ...Array<number>(12).fill(0x81)]],
    ['of another kind', [0x0b, 1]],
  ])('does not take an answer for one that is %s', async (_, message) => {
    const port = await serve(() => ({ message, code: '0' }));
    expect(await probe({ grpc: { port } })).toEqual(failure('the answer is no HealthCheckResponse'));
  });

  test('an answer without a status is UNKNOWN', async () => {
    const port = await serve(() => ({ message: [], code: '0' }));
    expect(await probe({ grpc: { port } })).toEqual(failure('service unhealthy (responded with "UNKNOWN")'));
  });

  test('fails when the service does not know health checks, and when nobody listens', async () => {
    const port = await serve(() => ({ code: '12' }));
    expect((await probe({ grpc: { port } })).output).toContain('status 12');
    expect((await probe({ grpc: { port: 1 } })).success).toBe(false);
  });
});

describe('P2 an exec probe', () => {
  const withExec = (exitCode: number | undefined, output: string, killed = () => {}): Runtime =>
    Object.assign(Object.create(runtime) as Runtime, {
      exec: async () => ({
        stdout: new PassThrough().end(output),
        resize() {},
        exited:
          exitCode === undefined
            ? new Promise<number>(() => {})
            : new Promise((resolve) => setTimeout(resolve, 5, exitCode)),
        kill: killed,
      }),
    });

  test('succeeds with exit code 0', async () => {
    const exec = { command: ['redis-cli', 'ping'] };
    expect(await probe({ exec }, { on: withExec(0, 'PONG\n') })).toEqual(success('PONG'));
    expect(await probe({ exec }, { on: withExec(1, '') })).toEqual(failure('exit code 1'));
    expect(await probe({ exec }, { on: withExec(2, 'LOADING\n') })).toEqual(failure('LOADING'));
  });

  test('is killed when its time is over', async () => {
    let killed = false;
    const on = withExec(undefined, '', () => {
      killed = true;
    });
    expect((await probe({ exec: { command: ['sleep', '9'] } }, { on, limitMs: 20 })).output).toContain('too slow');
    expect(killed).toBe(true);
  });

  test('fails when it cannot be run', async () => {
    expect(await probe({ exec: { command: ['x'] } })).toEqual(failure('simulated: no process to run a command in'));
  });
});

describe('P2 thresholds', () => {
  const outcomes = (probe: Probe, pattern: string, decided?: boolean) =>
    [...pattern].reduce((state, letter) => afterOutcome(state, letter === '+', probe), initialState(decided)).decided;

  test.each([
    [{}, '', undefined],
    [{}, '+', true],
    [{}, '--', undefined],
    [{}, '---', false],
    [{}, '+--', true],
    [{}, '+---', false],
    [{}, '+--+--', true],
    [{ successThreshold: 2 }, '+', undefined],
    [{ successThreshold: 2 }, '+-+', undefined],
    [{ successThreshold: 2 }, '++', true],
    [{ failureThreshold: 1 }, '+-', false],
    [{ failureThreshold: 1, successThreshold: 2 }, '-+', false],
  ])('%j after %s decides %s', (probe, pattern, expected) => {
    expect(outcomes(probe, pattern)).toBe(expected);
  });
});

describe('P2 the timing of a probe', () => {
  function worker(kind: ProbeKind, probe: Probe, outcome: (nowMs: number) => boolean | 'never', setBackMs = () => 0) {
    const clock = new VirtualClock();
    const beginMs = clock.now();
    const runs: number[] = [];
    const counted: { readonly atMs: number; readonly success: boolean; readonly decided: boolean | undefined }[] = [];
    const probing = new ProbeWorker({
      kind,
      probe,
      clock: { now: () => clock.now() - setBackMs(), after: (delayMs, callback) => clock.after(delayMs, callback) },
      startedAtMs: beginMs,
      decided: undefined,
      run: (signal) => {
        runs.push(clock.now() - beginMs);
        const result = outcome(clock.now() - beginMs);
        if (result !== 'never') return Promise.resolve({ success: result, output: '' });
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve(failure('late'))));
      },
      found: ({ success }, _before, { decided }) => counted.push({ atMs: clock.now() - beginMs, success, decided }),
    });
    cleanUp.push(() => probing.stop());
    return { clock, runs, counted, probing };
  }

  test('the first success is found soon, however long the period', async () => {
    const { clock, runs, counted } = worker('readiness', { periodSeconds: 10 }, (nowMs) => nowMs >= 100);
    await clock.advance(9_000);
    expect(counted.filter(({ success }) => success)).toHaveLength(1);
    expect(counted.find(({ success }) => success)!.atMs).toBeLessThanOrEqual(125);
    expect(runs.filter((atMs) => atMs > 125)).toEqual([]);
    await clock.advance(21_000);
    expect(runs.filter((atMs) => atMs > 125)).toEqual([10_000, 20_000, 30_000]);
  });

  test('failures count once a period, so that the threshold means what it says', async () => {
    const { clock, runs, counted } = worker('startup', { periodSeconds: 2, failureThreshold: 3 }, () => false);
    await clock.advance(3_999);
    expect(runs.length).toBeGreaterThan(5);
    expect(counted.map(({ atMs }) => atMs)).toEqual([0, 2_000]);
    await clock.advance(1);
    expect(counted.at(-1)).toEqual({ atMs: 4_000, success: false, decided: false });
  });

  test('nothing is asked before the initial delay', async () => {
    const { clock, runs } = worker('readiness', { initialDelaySeconds: 5 }, () => true);
    await clock.advance(4_999);
    expect(runs).toEqual([]);
    await clock.advance(1);
    expect(runs).toEqual([5_000]);
  });

  test.each<[ProbeKind, number[]]>([
    ['liveness', [0, 3_000, 6_000, 9_000, 12_000]],
    ['readiness', [0, 3_000, 6_000, 9_000, 12_000]],
  ])('%s goes on when the clock is set back', async (kind, expected) => {
    let backMs = 0;
    const { clock, runs } = worker(
      kind,
      { periodSeconds: 3 },
      () => true,
      () => backMs,
    );
    await clock.advance(4_000);
    backMs = 3_600_000;
    await clock.advance(8_000);
    expect(runs).toEqual(expected);
  });

  test('liveness is asked once a period from the beginning', async () => {
    const { clock, runs } = worker('liveness', { periodSeconds: 3 }, () => false);
    await clock.advance(7_000);
    expect(runs).toEqual([0, 3_000, 6_000]);
  });

  test('no answer in time is a failure', async () => {
    const { clock, counted } = worker('liveness', { timeoutSeconds: 2, failureThreshold: 1 }, () => 'never');
    await clock.advance(2_000);
    expect(counted).toEqual([{ atMs: 2_000, success: false, decided: false }]);
  });

  test('nothing is found after it was stopped', async () => {
    const { clock, counted, probing } = worker('liveness', {}, () => 'never');
    await clock.advance(1);
    probing.stop();
    await clock.advance(60_000);
    expect(counted).toEqual([]);
  });
});
