import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Pods } from '../../src/api/kinds.ts';
import { example, recordPods, TestBerth, untilReplaced, untilSettled } from './support.ts';

const root = process.getuid?.() === 0 && process.platform === 'linux';
const installed = spawnSync('redis-server', ['--version']).status === 0;
if (!root || !installed)
  console.warn('SKIPPED: the Redis example needs Linux, root and redis-server (Debian: apt-get install redis-server)');

describe.runIf(root && installed)('the Redis example on real processes', () => {
  const berth = new TestBerth('redis');
  const redis = async (ordinal: number, ...command: string[]): Promise<string> =>
    (
      await berth.ok(
        'exec',
        `redis-${ordinal}`,
        '--',
        'sh',
        '-c',
        'exec redis-cli -h "$POD_IP" "$@"',
        'redis-cli',
        ...command,
      )
    ).trim();

  beforeAll(async () => {
    await berth.up('-f', example('redis.yaml'));
    await untilSettled(berth.client(), 'redis', 3);
  });
  afterAll(() => berth.close());

  test('one primary and two replicas, by nothing but their ordinals', async () => {
    expect(await redis(0, 'info', 'replication')).toMatch(/role:master[\s\S]*connected_slaves:2/);
    for (const ordinal of [1, 2]) {
      expect(await redis(ordinal, 'info', 'replication')).toMatch(
        /role:slave[\s\S]*master_host:redis-0\.redis\.default\.svc\.cluster\.local[\s\S]*master_link_status:up/,
      );
    }
  });

  test('what the primary is told, the replicas have', async () => {
    expect(await redis(0, 'set', 'colour', 'blue')).toBe('OK');
    expect(await redis(0, 'wait', '2', '5000')).toBe('2');
    for (const ordinal of [1, 2]) expect(await redis(ordinal, 'get', 'colour')).toBe('blue');
  });

  test('I4 C2 the primary is deleted: it comes back as itself, from its own append-only file, and the replicas find it', async () => {
    const client = berth.client();
    const before = await client.get(Pods, { namespace: 'default', name: 'redis-0' });
    await berth.ok('delete', 'pod', 'redis-0', '--grace-period', '1');
    await untilReplaced(client, 'redis-0', before.metadata.uid);
    expect(await redis(0, 'get', 'colour')).toBe('blue');
    await untilSettled(client, 'redis', 3);
    expect(await redis(0, 'set', 'colour', 'green')).toBe('OK');
    expect(await redis(0, 'wait', '2', '10000')).toBe('2');
    expect(await redis(2, 'get', 'colour')).toBe('green');
  });

  test('O4 a fourth member joins, and goes again', async () => {
    const client = berth.client();
    await berth.ok('scale', 'statefulset/redis', '--replicas', '4');
    await untilSettled(client, 'redis', 4);
    expect(await redis(3, 'get', 'colour')).toBe('green');
    const record = await recordPods(client);
    await berth.ok('scale', 'statefulset/redis', '--replicas', '3');
    await untilSettled(client, 'redis', 3);
    record.stop();
    expect(record.steps).toEqual(['ending redis-3', '-redis-3']);
  });
});
