import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { isIPv4 } from 'node:net';

import type { Random } from '../../platform/random.ts';
import {
  bitString,
  boolean,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  time,
  utf8String,
} from './der.ts';

/** A certificate with its private key, both PEM. */
export interface KeyedCertificate {
  readonly certificate: string;
  readonly key: string;
}

/** Whom a certificate is for: what Kubernetes takes as the user's name and groups. */
export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export interface CertificateRequest {
  readonly subject: Subject;
  /** Milliseconds since the epoch. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly usage: 'authority' | 'server' | 'client';
  /** DNS names and IP addresses a server is reached by. */
  readonly hosts?: readonly string[];
}

const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;
const EXTENDED_USAGE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
const ecdsaWithSha256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));

/**
 * Makes a key (EC P-256) and a certificate for it (X.509 v3, RFC 5280), signed by `issuer`, or by itself without one.
 */
export function issueCertificate(
  request: CertificateRequest,
  random: Random,
  issuer?: KeyedCertificate & { readonly subject: Subject },
): KeyedCertificate {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const issuerPublicKey = issuer ? createPublicKey(issuer.certificate) : pair.publicKey;
  const toBeSigned = sequence(
    tagged(0, integer(Buffer.from([2])), true),
    integer(Buffer.from(`1${random.uuid().replaceAll('-', '').slice(1)}`, 'hex')),
    ecdsaWithSha256,
    nameOf(issuer?.subject ?? request.subject),
    sequence(time(request.notBeforeMs), time(request.notAfterMs)),
    nameOf(request.subject),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    tagged(3, sequence(...extensionsOf(request, pair.publicKey, issuerPublicKey)), true),
  );
  const signature = sign('sha256', toBeSigned, issuer ? createPrivateKey(issuer.key) : pair.privateKey);
  return {
    certificate: pem('CERTIFICATE', sequence(toBeSigned, ecdsaWithSha256, bitString(signature))),
    key: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function nameOf(subject: Subject): Buffer {
  const attribute = (type: string, value: string): Buffer => set(sequence(objectIdentifier(type), utf8String(value)));
  return sequence(
    ...(subject.organizations ?? []).map((organization) => attribute('2.5.4.10', organization)),
    attribute('2.5.4.3', subject.commonName),
  );
}

function extensionsOf(request: CertificateRequest, key: KeyObject, issuerKey: KeyObject): Buffer[] {
  const { usage, hosts = [] } = request;
  const authority = usage === 'authority';
  const extensions = [
    extension(EXTENSION.basicConstraints, true, sequence(...(authority ? [boolean(true)] : []))),
    // Bits from the left: digitalSignature is 0, keyCertSign 5, cRLSign 6.
    extension(
      EXTENSION.keyUsage,
      true,
      authority ? bitString(Buffer.from([0b10000110]), 1) : bitString(Buffer.from([0b10000000]), 7),
    ),
    extension(EXTENSION.subjectKeyIdentifier, false, octetString(keyIdentifier(key))),
    extension(EXTENSION.authorityKeyIdentifier, false, sequence(tagged(0, keyIdentifier(issuerKey), false))),
  ];
  if (usage !== 'authority') {
    extensions.push(extension(EXTENSION.extendedKeyUsage, false, sequence(objectIdentifier(EXTENDED_USAGE[usage]))));
  }
  if (hosts.length > 0) {
    extensions.push(extension(EXTENSION.subjectAlternativeName, false, sequence(...hosts.map(alternativeName))));
  }
  return extensions;
}

function extension(type: string, critical: boolean, value: Buffer): Buffer {
  return sequence(objectIdentifier(type), ...(critical ? [boolean(true)] : []), octetString(value));
}

function keyIdentifier(key: KeyObject): Buffer {
  return createHash('sha1')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest();
}

function alternativeName(host: string): Buffer {
  // A name has no colon. To ask for IPv6 compiles a large expression, 5 ms of a first start.
  const isAddress = isIPv4(host) || host.includes(':');
  return isAddress ? tagged(7, addressBytes(host), false) : tagged(2, Buffer.from(host, 'ascii'), false);
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const front = groups(head);
  const back = groups(tail ?? '');
  const all = [...front, ...new Array<number>(8 - front.length - back.length).fill(0), ...back];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}
