import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { systemRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import type { UserInfo } from '../../registry/requests.ts';
import { issueCertificate, type KeyedCertificate } from '../pki/certificate.ts';
import { openPki, type Pki } from '../pki/pki.ts';
import { clientCertificates } from './client-certificates.ts';

const dayMs = 86_400_000;
let directory: string;
let clock: VirtualClock;
let pki: Pki;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-certificates-'));
  clock = new VirtualClock();
  pki = await openPki({ directory: join(directory, 'one'), clock, random: systemRandom });
});
afterEach(() => rm(directory, { recursive: true }));

/** As whom a client with these keys is known on a real connection. */
async function userWith(keys: Partial<KeyedCertificate>): Promise<UserInfo | undefined> {
  const reader = clientCertificates(pki.authorityCertificate, clock);
  const { certificate: cert, key } = pki.serving;
  const server = createServer({ cert, key, ca: [], requestCert: true, rejectUnauthorized: false });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<TLSSocket>((resolve) => server.once('secureConnection', resolve));
  const { port } = server.address() as AddressInfo;
  const client = connect({ port, rejectUnauthorized: false, cert: keys.certificate, key: keys.key });
  const user = reader(await accepted);
  client.destroy();
  server.close();
  return user;
}

const subject = { commonName: 'jane', organizations: ['dev', 'ops'] };

test('a certificate of our authority names user and groups', async () => {
  const user = await userWith(pki.issueClientCertificate(subject));
  expect(user).toEqual({ name: 'jane', groups: ['dev', 'ops', 'system:authenticated'] });
});

test('nobody is known by no certificate', async () => {
  expect(await userWith({})).toBeUndefined();
});

test('nobody is known by the certificate of another authority, though it has the name of ours', async () => {
  const other = await openPki({ directory: join(directory, 'two'), clock, random: systemRandom });
  expect(await userWith(other.issueClientCertificate(subject))).toBeUndefined();
});

test('nobody is known by a certificate that has ended, or is not valid yet', async () => {
  const keys = pki.issueClientCertificate(subject);
  await clock.advance(366 * dayMs);
  expect(await userWith(keys)).toBeUndefined();
  const later = pki.issueClientCertificate(subject);
  clock = new VirtualClock();
  expect(await userWith(later)).toBeUndefined();
});

test('nobody is known by a certificate that is for servers, or is its own authority', async () => {
  expect(await userWith(pki.serving)).toBeUndefined();
  const lifetime = { notBeforeMs: clock.now() - dayMs, notAfterMs: clock.now() + dayMs };
  const own = issueCertificate({ subject, ...lifetime, usage: 'authority' }, systemRandom);
  expect(await userWith(own)).toBeUndefined();
});
