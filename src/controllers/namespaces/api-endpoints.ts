import { isIPv4 } from 'node:net';

import { isAlreadyExists, isNotFound } from '../../api/errors.ts';
import { EndpointSlices, Endpoints } from '../../api/kinds.ts';
import type { KubernetesObject, New } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Client } from '../../client/client.ts';

const NAMESPACE = 'default';
const NAME = 'kubernetes';

/**
 * Says behind the service `default/kubernetes` where the API server is, so that programs that look there find it. To be
 * called at every start; nothing is written when it says so already.
 */
export async function ensureApiEndpoints(
  client: Client,
  { address, port }: { readonly address: string; readonly port: number },
): Promise<void> {
  const labels = { 'kubernetes.io/service-name': NAME };
  const metadata = { namespace: NAMESPACE, name: NAME };
  await ensure(client, EndpointSlices, {
    metadata: { ...metadata, labels },
    addressType: isIPv4(address) ? 'IPv4' : 'IPv6',
    endpoints: [{ addresses: [address], conditions: { ready: true } }],
    ports: [{ name: 'https', port, protocol: 'TCP' }],
  });
  await ensure(client, Endpoints, {
    metadata: { ...metadata, labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
    subsets: [{ addresses: [{ ip: address }], ports: [{ name: 'https', port, protocol: 'TCP' }] }],
  });
}

async function ensure<T extends KubernetesObject>(
  client: Client,
  type: ResourceType<T>,
  wanted: New<T>,
): Promise<void> {
  const key = { namespace: NAMESPACE, name: NAME };
  try {
    await client.get(type, key);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    try {
      await client.create(type, wanted);
      return;
    } catch (failure) {
      if (!isAlreadyExists(failure)) throw failure;
    }
  }
  const { metadata: _, ...content } = wanted;
  // A patch that changes nothing writes nothing.
  await client.patch(type, key, { type: 'merge', body: content });
}
