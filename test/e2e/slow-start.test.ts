import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { serverProcess } from '../../src/cluster/data-directory.ts';
import { program, TestBerth } from './support.ts';

let berth: TestBerth;
let dying: ChildProcess;

// A start waits for what is left of a pod that the kernel has not done with: here for as long as a test wants.
beforeEach(() => {
  berth = new TestBerth('slow');
  dying = spawn('sleep', ['1000']);
  const pod = path.join(berth.dataDir, 'nodes', 'node-0', 'pods', 'dying');
  fs.mkdirSync(path.join(pod, 'containers'), { recursive: true });
  const config = { uid: 'dying', namespace: 'default', name: 'dying', ports: [], locks: [] };
  fs.writeFileSync(path.join(pod, 'pod.json'), JSON.stringify({ pod: config, isolation: 'user' }));
  fs.writeFileSync(path.join(pod, 'sandbox'), fs.readFileSync(`/proc/${dying.pid}/stat`));
});
afterEach(async () => {
  dying.kill('SIGKILL');
  await berth.close();
});

/** What somebody asks for that a server only has once it has begun. */
const eventually = <T>(look: () => T | Promise<T>): Promise<T> =>
  vi.waitFor(async () => {
    const found = await look();
    expect(found).toBeDefined();
    return found;
  }, 60_000);

function readyz(): Promise<string> {
  const kubeconfig = fs.readFileSync(path.join(berth.dataDir, 'kubeconfig'), 'utf8');
  const server = /server: (\S+)/.exec(kubeconfig)?.[1];
  return new Promise((resolve, reject) => {
    const request = https.get(`${server}/readyz`, { rejectUnauthorized: false, agent: false }, async (response) => {
      let body = '';
      for await (const chunk of response) body += chunk;
      resolve(`${response.statusCode} ${body}`);
    });
    request.on('error', reject);
  });
}

describe.skipIf(!fs.existsSync('/proc/self/stat'))('a server that is long in starting', () => {
  test('is not waited for by --detach beyond --timeout, is not ready, and is ended by down', async () => {
    const up = await berth.run('up', '--detach', '--timeout', '2s', '--api-port', '0', '--dns-port', '0');
    expect(up.code).toBe(1);
    expect(up.stderr).toMatch(
      /^berth: the server has not started after 2 s\n +it goes on starting; .*berth down ends it/,
    );

    const pid = await eventually(() => serverProcess(berth.dataDir));
    const status = await berth.run('status');
    expect(status.code).toBe(3);
    expect(status.stderr).toContain(`is still starting (process ${pid})`);
    const answer = await eventually(() => readyz().catch(() => undefined));
    expect(answer).toContain('500 [+]ping ok\n[-]cluster failed: the cluster is starting');

    const down = berth.run('down');
    await eventually(() => fs.readdirSync(berth.dataDir).find((name) => name === 'kubeconfig'));
    dying.kill('SIGKILL');
    expect(await down).toMatchObject({
      code: 0,
      stderr: `ending process ${pid} and its pods, highest ordinal first\n`,
    });
    expect(serverProcess(berth.dataDir)).toBeUndefined();
  });

  test('Ctrl-C ends the programs of the start too, and that is no defect', async () => {
    dying.kill('SIGKILL');
    const args = ['up', '--data-dir', berth.dataDir, '--api-port', '0', '--dns-port', '0'];
    const up = spawn(process.execPath, [program, ...args], { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
    const said = text(up.stderr);
    const ended = new Promise((resolve) => up.once('exit', resolve));
    await eventually(() => serverProcess(berth.dataDir));
    process.kill(-(up.pid ?? 0), 'SIGINT');
    expect([0, 1]).toContain(await ended);
    expect(await said).not.toContain('defect');
  });

  test('ends when it is asked to twice, and what waits for pods without a server ends in time', async () => {
    const up = spawn(
      process.execPath,
      [program, 'up', '--data-dir', berth.dataDir, '--api-port', '0', '--dns-port', '0'],
      {
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const said = text(up.stderr);
    const ended = new Promise((resolve) => up.once('exit', resolve));
    await eventually(() => serverProcess(berth.dataDir));
    const asking = setInterval(() => up.kill('SIGTERM'), 200);
    expect(await ended).toBe(1);
    clearInterval(asking);
    expect(await said).toContain('berth: ended before it had started');

    const down = await berth.run('down', '--timeout', '1s');
    expect(down).toMatchObject({ code: 1 });
    expect(down.stderr).toBe('berth: after 1 s these pods have not ended: dying\n  berth down goes on with them\n');
    dying.kill('SIGKILL');
    expect(await berth.run('down')).toMatchObject({ code: 0 });
  });
});
