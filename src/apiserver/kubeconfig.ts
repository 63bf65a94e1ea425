import { writePrivate } from './pki/pki.ts';

export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM. */
  readonly authorityCertificate: string;
  /** Default `berth-admin`. */
  readonly user?: string;
  /** A bearer token, or a client certificate with its key, both PEM. */
  readonly credentials: { readonly token: string } | { readonly certificate: string; readonly key: string };
}

/** A kubeconfig with one context, `berth`. */
export function kubeconfig({
  server,
  authorityCertificate,
  user = 'berth-admin',
  credentials,
}: KubeconfigOptions): string {
  // A string of JSON is one of YAML too. Every other value is a URL, base64 or base64url and needs no quoting.
  const name = JSON.stringify(user);
  const access =
    'token' in credentials
      ? [`token: ${credentials.token}`]
      : [`client-certificate-data: ${base64(credentials.certificate)}`, `client-key-data: ${base64(credentials.key)}`];
  return `apiVersion: v1
kind: Config
clusters:
  - name: berth
    cluster:
      server: ${server}
      certificate-authority-data: ${base64(authorityCertificate)}
users:
  - name: ${name}
    user:
      ${access.join('\n      ')}
contexts:
  - name: berth
    context:
      cluster: berth
      user: ${name}
current-context: berth
`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** Writes it as a whole, readable by its owner only (mode 0600). */
export function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<void> {
  return writePrivate(path, kubeconfig(options));
}
