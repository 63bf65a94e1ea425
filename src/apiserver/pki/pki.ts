import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

import type { Clock } from '../../platform/clock.ts';
import type { Random } from '../../platform/random.ts';
import { issueCertificate, type KeyedCertificate, type Subject } from './certificate.ts';

const DAY_MS = 86_400_000;
const AUTHORITY_LIFE_MS = 10 * 365 * DAY_MS;
const SERVING_LIFE_MS = 365 * DAY_MS;
/** A certificate with less than this left is made anew. */
const RENEW_BEFORE_MS = 60 * DAY_MS;
/** Clocks differ a little: what is made now is already valid for a client that is slow by this much. */
const BACKDATED_MS = 60 * 60_000;
const authoritySubject: Subject = { commonName: 'berth-ca' };

/** Where the API server is reached from inside and outside, besides the addresses it is told to listen on. */
const SERVING_NAMES = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
  // The first addresses of the two ranges that services get theirs from.
  '10.96.0.1',
  '127.96.0.1',
];

export interface PkiOptions {
  /** The folder of the files; made with mode 0700. */
  readonly directory: string;
  readonly clock: Clock;
  readonly random: Random;
  /** More DNS names and addresses that the serving certificate is good for. */
  readonly hosts?: readonly string[];
}

/** Who vouches for whom: what the API server serves with and recognises its clients by. */
export interface Pki {
  /** PEM. */
  readonly authorityCertificate: string;
  readonly serving: KeyedCertificate;
  /** The administrator's bearer token. */
  readonly adminToken: string;
  /** What service account tokens are signed with: a private key (EC P-256), PEM. */
  readonly serviceAccountKey: string;
  /** A client certificate of this authority, for a year. */
  issueClientCertificate(subject: Subject): KeyedCertificate;
}

/**
 * Reads what the folder has and makes what is missing or about to end. Every file has mode 0600 and is replaced as a
 * whole. A new authority means a new serving certificate; the administrator's token stays.
 */
export async function openPki(options: PkiOptions): Promise<Pki> {
  const { directory, clock, random } = options;
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
  const file = (name: string): string => join(directory, name);
  const hosts = [...new Set([...SERVING_NAMES, ...(options.hosts ?? [])])];

  const lifetime = (lifeMs: number) => ({ notBeforeMs: clock.now() - BACKDATED_MS, notAfterMs: clock.now() + lifeMs });
  const stored = await readKeyed(file('ca.crt'), file('ca.key'));
  const authorityKept = stored !== undefined && isGood(stored, clock);
  const authority = authorityKept
    ? stored
    : issueCertificate({ subject: authoritySubject, ...lifetime(AUTHORITY_LIFE_MS), usage: 'authority' }, random);
  if (!authorityKept) await writeKeyed(file('ca.crt'), file('ca.key'), authority);
  const issuer = { ...authority, subject: authoritySubject };

  const servingStored = authorityKept ? await readKeyed(file('apiserver.crt'), file('apiserver.key')) : undefined;
  const servingKept = servingStored !== undefined && isGood(servingStored, clock, hosts);
  const serving = servingKept
    ? servingStored
    : issueCertificate(
        { subject: { commonName: 'berth-apiserver' }, ...lifetime(SERVING_LIFE_MS), usage: 'server', hosts },
        random,
        issuer,
      );
  if (!servingKept) await writeKeyed(file('apiserver.crt'), file('apiserver.key'), serving);

  return {
    authorityCertificate: authority.certificate,
    serving,
    adminToken: await readOrMake(file('admin.token'), () => secret(random)),
    serviceAccountKey: await readOrMake(file('service-accounts.pem'), signingKey),
    issueClientCertificate: (subject) =>
      issueCertificate({ subject, ...lifetime(SERVING_LIFE_MS), usage: 'client' }, random, issuer),
  };
}

function isGood(pair: KeyedCertificate, clock: Clock, hosts: readonly string[] = []): boolean {
  try {
    const certificate = new X509Certificate(pair.certificate);
    const endsMs = Date.parse(certificate.validTo);
    const covers = (host: string): boolean =>
      certificate.checkHost(host) !== undefined || certificate.checkIP(host) !== undefined;
    return endsMs - clock.now() > RENEW_BEFORE_MS && hosts.every(covers);
  } catch {
    return false;
  }
}

function signingKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString().trim();
}

function secret(random: Random): string {
  return createHash('sha256').update(`${random.uuid()}${random.uuid()}${random.uuid()}`).digest('base64url');
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  const kept = (await readIfThere(path))?.trim();
  if (kept !== undefined && kept !== '') return kept;
  const made = make();
  await writePrivate(path, `${made}\n`);
  return made;
}

async function readKeyed(certificatePath: string, keyPath: string): Promise<KeyedCertificate | undefined> {
  const [certificate, key] = await Promise.all([readIfThere(certificatePath), readIfThere(keyPath)]);
  return certificate === undefined || key === undefined ? undefined : { certificate, key };
}

async function writeKeyed(certificatePath: string, keyPath: string, pair: KeyedCertificate): Promise<void> {
  await writePrivate(keyPath, pair.key);
  await writePrivate(certificatePath, pair.certificate);
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces a file as a whole, readable by its owner only. */
export async function writePrivate(path: string, content: string): Promise<void> {
  const temporary = `${path}.new`;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.chmod(0o600);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, path);
}
