import { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import type { Clock } from '../../platform/clock.ts';
import type { UserInfo } from '../../registry/requests.ts';
import { authenticated, type CertificateReader } from './authenticator.ts';

/** The extended key usage of clients (RFC 5280, 4.2.1.12). */
const CLIENT_AUTHENTICATION = '1.3.6.1.5.5.7.3.2';

/**
 * Recognises certificates for clients that `authority` (PEM) has signed and whose time it is: their common name is the
 * user, their organizations the groups.
 *
 * The connection has proved by then that it has the key. Leaving the rest to TLS would mean to give it an authority,
 * and for that Node reads the hundred and more of its own first, which takes longer than all else at a start.
 */
export function clientCertificates(authority: string, clock: Clock): CertificateReader {
  const issuer = new X509Certificate(authority);
  const counts = (certificate: X509Certificate): boolean =>
    certificate.checkIssued(issuer) &&
    certificate.verify(issuer.publicKey) &&
    Date.parse(certificate.validFrom) <= clock.now() &&
    clock.now() < Date.parse(certificate.validTo) &&
    (certificate.keyUsage ?? []).includes(CLIENT_AUTHENTICATION);
  // A connection has one certificate for all its requests.
  const known = new WeakMap<TLSSocket, UserInfo | null>();
  return (socket) => {
    let user = known.get(socket);
    if (user === undefined) {
      const certificate = socket.getPeerX509Certificate();
      user = certificate !== undefined && counts(certificate) ? userOf(certificate) : null;
      known.set(socket, user);
    }
    return user ?? undefined;
  };
}

function userOf(certificate: X509Certificate): UserInfo | null {
  // Node's types leave out that a subject may have several values, or none.
  const subject: { CN?: string | string[]; O?: string | string[] } | undefined = certificate.toLegacyObject().subject;
  const name = [subject?.CN ?? []].flat()[0];
  return name === undefined ? null : authenticated({ name, groups: [subject?.O ?? []].flat() });
}
