import { afterEach, expect, test } from 'vitest';

import { Pods } from '../../src/api/kinds.ts';
import { TestBerth, until } from './support.ts';

const berth = new TestBerth('restart-back-off');
afterEach(() => berth.close());

test('P3 containers that keep ending wait as long as --restart-back-off says', async () => {
  await berth.up('--restart-back-off', '1s,1s,10m');
  const client = berth.client();
  const begun = Date.now();
  await client.create(Pods, {
    metadata: { namespace: 'default', name: 'failing' },
    spec: { containers: [{ name: 'main', image: 'none', command: ['sh', '-c', 'exit 3'] }] },
  });
  const restarted = (count: number) =>
    until(
      client,
      Pods,
      (pods) => pods.some(({ status }) => (status?.containerStatuses?.[0]?.restartCount ?? 0) >= count),
      `${count} restarts`,
    );
  await restarted(5);
  // One at once and four that wait a second; 150 s unless told otherwise, for which nobody waits here.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(4000);
  const pod = await client.get(Pods, { namespace: 'default', name: 'failing' });
  expect(pod.status?.containerStatuses?.[0]?.lastState?.terminated?.exitCode).toBe(3);
});
