import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { systemRandom } from '../../platform/random.ts';
import { VirtualClock } from '../../platform/virtual-clock.ts';
import { openPki } from './pki.ts';

const dayMs = 86_400_000;
let directory: string;
beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'berth-pki-')), 'pki');
});
afterEach(() => rm(join(directory, '..'), { recursive: true }));

test('the same folder gives the same authority, certificate and token', async () => {
  const clock = new VirtualClock();
  const first = await openPki({ directory, clock, random: systemRandom });
  const second = await openPki({ directory, clock, random: systemRandom });
  expect(second.authorityCertificate).toBe(first.authorityCertificate);
  expect(second.serving).toEqual(first.serving);
  expect(second.adminToken).toBe(first.adminToken);
});

test('nobody but the owner can read the files', async () => {
  await openPki({ directory, clock: new VirtualClock(), random: systemRandom });
  const names = await readdir(directory);
  expect(names.length).toBeGreaterThan(4);
  for (const name of names) expect((await stat(join(directory, name))).mode & 0o777).toBe(0o600);
  expect((await stat(directory)).mode & 0o777).toBe(0o700);
});

test('a serving certificate is renewed before it ends, the authority and the token stay', async () => {
  const clock = new VirtualClock();
  const first = await openPki({ directory, clock, random: systemRandom });
  await clock.advance(310 * dayMs);
  const second = await openPki({ directory, clock, random: systemRandom });
  expect(second.authorityCertificate).toBe(first.authorityCertificate);
  expect(second.adminToken).toBe(first.adminToken);
  expect(second.serving.certificate).not.toBe(first.serving.certificate);
  expect(Date.parse(new X509Certificate(second.serving.certificate).validTo)).toBeGreaterThan(
    clock.now() + 364 * dayMs,
  );
});

test('a further address makes a certificate that is good for it', async () => {
  const clock = new VirtualClock();
  await openPki({ directory, clock, random: systemRandom });
  const { serving } = await openPki({ directory, clock, random: systemRandom, hosts: ['192.0.2.7'] });
  expect(new X509Certificate(serving.certificate).checkIP('192.0.2.7')).toBe('192.0.2.7');
});

test('a token that was replaced by hand is taken', async () => {
  const clock = new VirtualClock();
  const { adminToken } = await openPki({ directory, clock, random: systemRandom });
  expect((await readFile(join(directory, 'admin.token'), 'utf8')).trim()).toBe(adminToken);
});
