import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Pods } from '../../src/api/kinds.ts';
import { example, kv, type Server, TestBerth, untilReplaced, untilSettled } from './support.ts';

const NOBODY = 65_534;
const linux = process.platform === 'linux';
const root = process.getuid?.() === 0;

/** Without root, and on other systems: the same example, and honest words about what is missing. */
describe.each([
  ['user', 'namespaces of a user without rights', linux],
  ['processes', 'plain process groups', true],
] as const)('the kv example at isolation %s: %s', (isolation, _, possible) => {
  if (!possible) console.warn(`SKIPPED: isolation ${isolation} needs Linux`);
  describe.runIf(possible)('as a user without rights', () => {
    const berth = new TestBerth(isolation, root ? NOBODY : undefined);
    let server: Server;
    beforeAll(async () => {
      server = await berth.up('--isolation', isolation, '-f', example('kv.yaml'));
      await untilSettled(berth.client(), 'kv', 3);
    });
    afterAll(() => berth.close());

    const address = async (ordinal: number): Promise<string> =>
      (await berth.client().get(Pods, { namespace: 'default', name: `kv-${ordinal}` })).status?.podIP ?? '';

    test('each member has an address of its own, and a write reaches all', async () => {
      const addresses = await Promise.all([0, 1, 2].map(address));
      expect(new Set(addresses).size).toBe(3);
      for (const one of addresses) expect(one).toMatch(/^127\./);
      expect(await kv(addresses[1]!, 'PUT', '/colour', 'blue')).toMatchObject({ status: 200, body: { by: 'kv-0' } });
      expect((await kv(addresses[0]!, 'GET', '/colour')).body).toMatchObject({ value: 'blue' });
    });

    test('what is missing is said: at the start, in status, and in the condition of the node', async () => {
      expect(server.output).toMatch(/without .*network/i);
      expect(await berth.ok('status')).toMatch(/without: .*network/i);
    });

    test('I4 a member that is deleted comes back as itself, with its data', async () => {
      const { metadata } = await berth.client().get(Pods, { namespace: 'default', name: 'kv-0' });
      await berth.ok('delete', 'pod', 'kv-0', '--grace-period', '1');
      await untilReplaced(berth.client(), 'kv-0', metadata.uid);
      await untilSettled(berth.client(), 'kv', 3);
      expect((await kv(await address(0), 'GET', '/colour')).body).toMatchObject({ value: 'blue', from: 'kv-0' });
    });

    test('M3 kill -9 of Berth leaves the members running, and the next up adopts them', async () => {
      const uids = async () =>
        (await berth.client().list(Pods, { namespace: 'default' })).items.map(
          ({ metadata, status }) => `${metadata.uid} ${status?.containerStatuses?.[0]?.containerID}`,
        );
      const before = await uids();
      server.signal('SIGKILL');
      await server.ended;
      server = await berth.up('--isolation', isolation);
      await untilSettled(berth.client(), 'kv', 3);
      expect(await uids()).toEqual(before);
      expect((await kv(await address(2), 'GET', '/')).body).toMatchObject({ name: 'kv-2', ready: true });
    });
  });
});
