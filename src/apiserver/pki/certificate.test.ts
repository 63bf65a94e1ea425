import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { systemRandom } from '../../platform/random.ts';
import { issueCertificate } from './certificate.ts';

const dayMs = 86_400_000;
const notBeforeMs = Date.UTC(2026, 0, 1);
const authoritySubject = { commonName: 'berth-ca' };
const authority = issueCertificate(
  { subject: authoritySubject, notBeforeMs, notAfterMs: Date.UTC(2055, 0, 1), usage: 'authority' },
  systemRandom,
);

describe('a certificate', () => {
  test('of the authority signs itself and others', () => {
    const certificate = new X509Certificate(authority.certificate);
    expect(certificate.ca).toBe(true);
    expect(certificate.subject).toBe('CN=berth-ca');
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(new Date(certificate.validTo).getTime()).toBe(Date.UTC(2055, 0, 1));
  });

  test('of a server carries its names and addresses', () => {
    const { certificate, key } = issueCertificate(
      {
        subject: { commonName: 'berth' },
        notBeforeMs,
        notAfterMs: notBeforeMs + 365 * dayMs,
        usage: 'server',
        hosts: ['localhost', '127.0.0.1', '::1', 'fd00:1::2:3'],
      },
      systemRandom,
      { ...authority, subject: authoritySubject },
    );
    const parsed = new X509Certificate(certificate);
    expect(parsed.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
    expect(parsed.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
    expect(parsed.ca).toBe(false);
    expect(parsed.checkHost('localhost')).toBe('localhost');
    expect(parsed.checkHost('example.com')).toBeUndefined();
    for (const address of ['127.0.0.1', '::1', 'fd00:1::2:3']) expect(parsed.checkIP(address)).toBe(address);
    expect(key).toContain('BEGIN PRIVATE KEY');
    expect(new Date(parsed.validFrom).getTime()).toBe(notBeforeMs);
  });

  test('of a client carries name and groups', () => {
    const { certificate } = issueCertificate(
      {
        subject: { commonName: 'system:node:node-0', organizations: ['system:nodes', 'extra'] },
        notBeforeMs,
        notAfterMs: notBeforeMs + dayMs,
        usage: 'client',
      },
      systemRandom,
      { ...authority, subject: authoritySubject },
    );
    expect(new X509Certificate(certificate).subject).toBe('O=system:nodes\nO=extra\nCN=system:node:node-0');
    expect(new X509Certificate(certificate).keyUsage).toEqual(['1.3.6.1.5.5.7.3.2']);
  });
});
