import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { podNamed, testRegistry } from '../../../test/support/test-registry.ts';
import { Pods, ServiceAccounts } from '../../api/kinds.ts';
import type { TokenClaims } from '../../registry/token-issuer.ts';
import { serviceAccountTokens, tokenIssuer } from './service-account-tokens.ts';

const newKey = (): string =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

async function withToken(change: Partial<TokenClaims> = {}, signedWith?: string) {
  const { registry, client, clock } = await testRegistry();
  const key = newKey();
  const account = await client.create(ServiceAccounts, { metadata: { namespace: 'default', name: 'robot' } });
  const pod = await client.create(Pods, podNamed('web'));
  const issuer = tokenIssuer(signedWith ?? key);
  const now = Math.floor(clock.now() / 1000);
  const token = issuer.issue({
    namespace: 'default',
    serviceAccount: account.metadata,
    pod: pod.metadata,
    audiences: [issuer.audience],
    issuedAt: now,
    expiresAt: now + 600,
    id: 'id',
    ...change,
  });
  const read = serviceAccountTokens(key, registry, clock);
  const nameOf = async (text = token) => (await read(text))?.user.name;
  return { client, clock, token, nameOf, account, pod };
}

describe('a token of a service account', () => {
  test('is good until it ends', async () => {
    const { clock, nameOf } = await withToken();
    expect(await nameOf()).toBe('system:serviceaccount:default:robot');
    await clock.advance(599_000);
    expect(await nameOf()).toBeDefined();
    await clock.advance(1_000);
    expect(await nameOf()).toBeUndefined();
  });

  test.each<[string, Partial<TokenClaims>]>([
    ['from another time', { issuedAt: 2 ** 40, expiresAt: 2 ** 41 }],
    ['for somebody else', { audiences: ['vault'] }],
    ['of an account that was made anew', { serviceAccount: { name: 'robot', uid: 'another' } }],
    ['of another pod of that name', { pod: { name: 'web', uid: 'another' } }],
  ])('is none %s', async (_what, change) => {
    expect(await (await withToken(change)).nameOf()).toBeUndefined();
  });

  test('is none that somebody else has signed, or changed', async () => {
    expect(await (await withToken({}, newKey())).nameOf()).toBeUndefined();
    const { token, nameOf } = await withToken();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const said = Buffer.from(payload, 'base64url').toString().replace('600', '999').replace('robot', 'admin');
    const changed = [header, Buffer.from(said).toString('base64url'), signature].join('.');
    expect(await nameOf(changed)).toBeUndefined();
    expect(await nameOf(`${token}.more`)).toBeUndefined();
  });

  test('ends with the pod it is bound to, and with its account', async () => {
    const { client, nameOf } = await withToken();
    await client.delete(Pods, { namespace: 'default', name: 'web' });
    expect(await nameOf()).toBeUndefined();
    const other = await withToken();
    await other.client.delete(ServiceAccounts, { namespace: 'default', name: 'robot' });
    expect(await other.nameOf()).toBeUndefined();
  });
});
