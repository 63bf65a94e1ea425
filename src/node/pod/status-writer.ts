import { isDeepStrictEqual } from 'node:util';

import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Pod, PodStatus } from '../../api/generated/types.ts';
import { Pods } from '../../api/kinds.ts';
import { keyOf } from '../../api/meta.ts';
import { formatPorts, PORTS_ANNOTATION, type PortNumbers } from '../../api/pod-ports.ts';
import type { Client } from '../../client/client.ts';

/** How often a status is written again because others wrote in between, before the queue's own back-off takes over. */
const MAX_CONFLICTS = 5;

/**
 * Makes the API's status of a pod what `statusOf` says it is, for whatever version of the pod is the newest, and tells its
 * `ports` where they are not those it declares; writes nothing when it is that already. The newest version, or undefined
 * when there is no such pod any more.
 */
export async function writeStatus(
  client: Client,
  pod: Pod,
  statusOf: (pod: Pod) => PodStatus | undefined,
  ports: PortNumbers | undefined,
): Promise<Pod | undefined> {
  let newest = pod;
  for (let conflicts = 0; ; conflicts++) {
    const status = statusOf(newest);
    const metadata = withPorts(newest.metadata, ports);
    if (status === undefined || (metadata === newest.metadata && isDeepStrictEqual(status, newest.status)))
      return newest;
    try {
      return await client.update(Pods, { ...newest, metadata, status }, { subresource: 'status' });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error) || conflicts === MAX_CONFLICTS) throw error;
    }
    try {
      newest = await client.get(Pods, keyOf(pod));
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
    if (newest.metadata.uid !== pod.metadata.uid) return undefined;
  }
}

/** The same metadata when it says that already. Started again elsewhere, a pod may have its own ports as they are. */
function withPorts(metadata: Pod['metadata'], ports: PortNumbers = {}): Pod['metadata'] {
  const { [PORTS_ANNOTATION]: said = '', ...annotations } = metadata.annotations ?? {};
  const text = formatPorts(ports);
  if (said === text) return metadata;
  return { ...metadata, annotations: text === '' ? annotations : { ...annotations, [PORTS_ANNOTATION]: text } };
}
