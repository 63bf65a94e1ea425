import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';

import { TestBerth } from './support.ts';

const linux = process.platform === 'linux';
const POD = `
apiVersion: v1
kind: Pod
metadata: { name: sleeper }
spec:
  terminationGracePeriodSeconds: 0
  containers: [{ name: main, image: busybox, command: [sleep, "3600"] }]
`;

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
