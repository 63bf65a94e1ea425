import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import { example, TestBerth } from './support.ts';

const linux = process.platform === 'linux';
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: sleeper }
spec:
  terminationGracePeriodSeconds: 0
  containers: [{ name: main, image: busybox, command: [sleep, "3600"] }]
`;

const tmux = spawnSync('tmux', ['-V']).status === 0;
if (!tmux) console.warn('SKIPPED: a terminal whose width changes needs tmux (Debian: apt-get install tmux)');

const berth = new TestBerth('terminal');
afterAll(() => berth.close());

test.runIf(linux)('a terminal that is closed ends all pods gracefully, as Ctrl-C does', async () => {
  const manifest = path.join(berth.dataDir, 'pod.yaml');
  fs.writeFileSync(manifest, POD);
  const up = ['up', '--api-port', '0', '--dns-port', '0', '--isolation', 'processes', '-f', manifest];
  const { command, options } = berth.command(...up);
  const env = { ...process.env, ...options.env };
  const terminal = spawn('script', ['-qc', `stty rows 40 cols 100; exec ${command.join(' ')}`, '/dev/null'], {
    env,
    stdio: 'pipe',
  });
  let said = '';
  terminal.stdout.on('data', (text) => {
    said += text;
  });
  await expect.poll(() => said).toContain('Everything is ready');
  terminal.kill('SIGKILL');
  const state = async (): Promise<unknown> => JSON.parse((await berth.run('status', '-o', 'json')).stdout);
  await expect.poll(state).toEqual({ running: false, dataDir: berth.dataDir, pods: [] });
  expect(fs.existsSync(path.join(berth.dataDir, 'berth.json'))).toBe(false); // it was its own end
});

describe.runIf(tmux)('the live view on a terminal whose width changes', () => {
  const simulated = new TestBerth('width');
  const inTerminal = (...args: readonly string[]): string =>
    spawnSync('tmux', ['-S', path.join(simulated.dataDir, 'tmux'), '-f', '/dev/null', ...args], { encoding: 'utf8' })
      .stdout;
  afterAll(async () => {
    inTerminal('kill-server');
    await simulated.close();
  });

  test('nothing of what was drawn before is left, nor joined with what is drawn now', async () => {
    const up = ['up', '--api-port', '0', '--dns-port', '0', '--runtime', 'simulated', '-f', example('kv.yaml')];
    const { command, options } = simulated.command(...up);
    const env = Object.entries(options.env).map(([name, value]) => `${name}=${value}`);
    inTerminal('new-session', '-d', '-x', '100', '-y', '50', 'env', ...env, ...command);
    /** The lines about members, also those that have left the screen at its top. */
    const members = () =>
      inTerminal('capture-pane', '-p', '-S', '-')
        .split('\n')
        .filter((line) => /kv-\d+ .*node-0/.test(line));
    const lines = (end: RegExp) =>
      [0, 1, 2].map((ordinal) => expect.stringMatching(`^  kv-${ordinal} .*${end.source}$`));
    await expect.poll(members).toEqual(lines(/data-kv-\d/));
    await expect.poll(() => inTerminal('capture-pane', '-p')).toContain('Everything is ready');
    for (const [columns, end] of [
      [48, /…/],
      [100, /data-kv-\d/],
      [48, /…/],
      [90, /data-kv-\d/],
    ] as const) {
      inTerminal('resize-window', '-x', `${columns}`, '-y', '50');
      await expect.poll(members).toEqual(lines(end));
    }
  });
});
