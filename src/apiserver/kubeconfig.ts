import { writePrivate } from './pki/pki.ts';

export interface KubeconfigOptions {
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** PEM. */
  readonly authorityCertificate: string;
  readonly token: string;
}

/** The administrator's kubeconfig: context `berth`, user `berth-admin`. */
function kubeconfig(options: KubeconfigOptions): string {
  // Every value is a URL, base64 or base64url: none of them needs quoting.
  return `apiVersion: v1
kind: Config
clusters:
  - name: berth
    cluster:
      server: ${options.server}
      certificate-authority-data: ${Buffer.from(options.authorityCertificate).toString('base64')}
users:
  - name: berth-admin
    user:
      token: ${options.token}
contexts:
  - name: berth
    context:
      cluster: berth
      user: berth-admin
current-context: berth
`;
}

/** Writes it as a whole, readable by its owner only (mode 0600). */
export function writeKubeconfig(path: string, options: KubeconfigOptions): Promise<void> {
  return writePrivate(path, kubeconfig(options));
}
