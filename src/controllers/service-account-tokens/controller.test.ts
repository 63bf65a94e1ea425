import { afterEach, expect, test } from 'vitest';

import type { Secret } from '../../api/generated/types.ts';
import { Secrets, ServiceAccounts } from '../../api/kinds.ts';
import { inProcessClient } from '../../client/in-process-client.ts';
import { InformerSet } from '../../client/informer.ts';
import { silentLogger } from '../../platform/logger.ts';
import { seededRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import { createRegistry } from '../../registry/create-registry.ts';
import type { TokenClaims } from '../../registry/token-issuer.ts';
import { memoryStore } from '../../store/memory-store.ts';
import { startTokenSecrets } from './controller.ts';

const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

test('a secret for a token gets one that is bound to it, and goes with its account', async () => {
  const clock = new VirtualClock();
  const issued: TokenClaims[] = [];
  const tokens = { audience: 'api', issue: (claims: TokenClaims) => `token ${issued.push(claims)}` };
  const registry = createRegistry({ store: memoryStore({ clock }), clock, random: seededRandom(1), tokens });
  await registry.bootstrap();
  const client = inProcessClient(registry, { name: 'tester', groups: [] });
  const informers = new InformerSet({ client, clock, logger: silentLogger });
  const parts = { client, informers, clock, logger: silentLogger };
  const controller = startTokenSecrets({ ...parts, rootCertificate: 'CA' });
  stops.push(
    () => controller.stop(),
    () => informers.stop(),
  );
  const secrets = async (): Promise<readonly Secret[]> => {
    await clock.advance(1);
    return (await client.list(Secrets, { namespace: 'default' })).items;
  };
  const make = (name: string, account: string) =>
    client.create(Secrets, {
      metadata: { namespace: 'default', name, annotations: { 'kubernetes.io/service-account.name': account } },
      type: 'kubernetes.io/service-account-token',
    });
  const { metadata } = await client.create(ServiceAccounts, { metadata: { namespace: 'default', name: 'app' } });
  const { metadata: own } = await make('app-token', 'app');
  await make('lost', 'nobody');
  const encoded = (text: string) => Buffer.from(text).toString('base64');
  await expect.poll(secrets).toMatchObject([
    {
      metadata: { name: 'app-token', annotations: { 'kubernetes.io/service-account.uid': metadata.uid } },
      data: { token: encoded('token 1'), namespace: encoded('default'), 'ca.crt': encoded('CA') },
    },
  ]);
  expect(issued).toMatchObject([
    { serviceAccount: { name: 'app', uid: metadata.uid }, secret: { name: 'app-token', uid: own.uid } },
  ]);
  await client.delete(ServiceAccounts, { namespace: 'default', name: 'app' });
  await expect.poll(secrets).toEqual([]);
});
