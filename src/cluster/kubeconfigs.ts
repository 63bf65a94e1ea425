import { kubeconfig } from '../apiserver/kubeconfig.ts';
import { openPki } from '../apiserver/pki/pki.ts';
import { loadKubeconfig } from '../client/kubeconfig.ts';
import { systemClock } from '../platform/clock.ts';
import { systemRandom } from '../platform/random.ts';
import { dataPaths } from './data-directory.ts';

/**
 * A kubeconfig for somebody known by name and groups, with a client certificate of the cluster's authority that is good
 * for a year. They may do what is granted to them. The cluster need not run.
 */
export async function userKubeconfig(directory: string, user: string, groups: readonly string[]): Promise<string> {
  const pki = await openPki({ directory: dataPaths(directory).pki, clock: systemClock, random: systemRandom });
  return withCredentials(directory, user, pki.issueClientCertificate({ commonName: user, organizations: groups }));
}

/** A kubeconfig for who has a token. */
export function tokenKubeconfig(directory: string, user: string, token: string): string {
  return withCredentials(directory, user, { token });
}

function withCredentials(
  directory: string,
  user: string,
  credentials: Parameters<typeof kubeconfig>[0]['credentials'],
): string {
  const { server, ca = '' } = loadKubeconfig(dataPaths(directory).kubeconfig);
  return kubeconfig({ server, authorityCertificate: ca, user, credentials });
}
