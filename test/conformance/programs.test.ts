import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { type Cluster, startCluster } from '../../src/cluster/cluster.ts';

/** What `test/conformance/client-go/build` makes. */
const goProgram =
  process.env.BERTH_CLIENT_GO ?? fileURLToPath(new URL('../../node_modules/.cache/client-go/program', import.meta.url));
const hasGoProgram = existsSync(goProgram);
/** The system's own: its client is a package of the system. */
const python = '/usr/bin/python3';
const hasPython = ((): boolean => {
  try {
    execFileSync(python, ['-c', 'import kubernetes'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** What programs do that were written for any cluster: each says of its parts whether the cluster did what it must. */
describe.runIf(hasGoProgram || hasPython)('programs with other clients', () => {
  let directory: string;
  let cluster: Cluster;
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'berth-programs-'));
    cluster = await startCluster({
      dataDir: path.join(directory, 'data'),
      runtime: 'process',
      isolation: 'auto',
      nodes: 1,
      apiPort: 0,
      dnsPort: 0,
      version: 'test',
    });
  });
  afterAll(async () => {
    await cluster.stop({ pods: 'end' });
    await rm(directory, { recursive: true });
  });

  const run = (program: string, args: readonly string[]): Promise<readonly string[]> =>
    new Promise((resolve, reject) => {
      execFile(program, [...args], { timeout: 280_000 }, (_, stdout, stderr) => {
        const lines = stdout.split('\n').filter((line) => /^(ok|failed) /.test(line));
        if (lines.length === 0) reject(new Error(`${program} said nothing: ${stdout}${stderr}`));
        resolve(lines);
      });
    });

  test.skipIf(!hasPython)(
    `Python's (${hasPython ? python : 'NOT TRIED: python3-kubernetes is not installed'})`,
    async () => {
      const script = fileURLToPath(new URL('python/client.py', import.meta.url));
      expect(await run(python, [script, cluster.status.kubeconfig])).toEqual(
        ['discovery', 'objects', 'sets_and_watches', 'commands', 'logs', 'ports', 'custom_kinds', 'leading'].map(
          (part) => `ok ${part}`,
        ),
      );
    },
  );

  test.skipIf(!hasGoProgram)(
    `client-go (${hasGoProgram ? goProgram : 'NOT TRIED: it has not been built'})`,
    async () => {
      const parts = (await run(goProgram, ['-kubeconfig', cluster.status.kubeconfig])).map((line) =>
        line.replace(/ \([^)]*\)$/, ''),
      );
      const known = execFileSync(goProgram, ['-list'], { encoding: 'utf8' }).trim().split('\n');
      expect(parts).toEqual(known.map((part) => `ok ${part}`));
    },
  );
});
