import type { PodConfig } from '../runtime.ts';

/** The pod's /etc/hosts. */
export function hostsFile(pod: PodConfig, address: string | undefined): string {
  const lines = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback'];
  if (address !== undefined) {
    const { hostname, fullyQualifiedName } = pod;
    // One that is known to itself by its whole name (`setHostnameAsFQDN`) is found by the first part of it all the same.
    const [short = hostname] = hostname === fullyQualifiedName ? hostname.split('.', 1) : [];
    lines.push([address, ...(fullyQualifiedName ? [fullyQualifiedName] : []), short].join('\t'));
  }
  for (const alias of pod.hostAliases) lines.push([alias.ip, ...alias.hostnames].join('\t'));
  return `${lines.join('\n')}\n`;
}

/** The pod's /etc/resolv.conf; undefined when the pod has nothing of its own to say. */
export function resolverFile(dns: PodConfig['dns']): string | undefined {
  if (dns.nameservers.length === 0) return undefined;
  const lines = dns.nameservers.map((server) => `nameserver ${server}`);
  if (dns.searches.length > 0) lines.push(`search ${dns.searches.join(' ')}`);
  if (dns.options.length > 0) lines.push(`options ${dns.options.join(' ')}`);
  return `${lines.join('\n')}\n`;
}
