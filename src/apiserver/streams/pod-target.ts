import { apiError } from '../../api/errors.ts';
import type { Pod } from '../../api/generated/types.ts';
import { Pods } from '../../api/kinds.ts';
import type { PodStreams } from '../../client/pod-streams.ts';
import type { Registry, UserInfo } from '../../registry/requests.ts';
import type { ResourceTarget } from '../request-target.ts';
import { unknownResource } from '../resource-handler.ts';

/** A pod with the streams of the node it is on. */
export interface PodTarget {
  readonly pod: Pod;
  readonly streams: PodStreams;
}

/** Finds the pod that a request names and the node that has its streams; throws an `ApiError` when there is none. */
export async function findPod(
  registry: Registry,
  streamsOf: (nodeName: string) => PodStreams | undefined,
  resource: ResourceTarget,
  user: UserInfo,
): Promise<PodTarget> {
  const { namespace, name } = resource;
  if (namespace === undefined || name === undefined) throw unknownResource();
  const { object: pod } = await registry.get(Pods, { namespace, name }, { user });
  const nodeName = pod.spec.nodeName ?? '';
  if (nodeName === '') throw apiError('BadRequest', `pod ${name} does not have a host assigned`);
  const streams = streamsOf(nodeName);
  if (streams === undefined) {
    throw apiError(
      'ServiceUnavailable',
      `the node ${JSON.stringify(nodeName)} of pod ${JSON.stringify(name)} cannot be reached`,
    );
  }
  return { pod, streams };
}

/** Which container is meant: the one that is named, or the only one. */
export function chooseContainer(pod: Pod, asked: string | null): string {
  const { name } = pod.metadata;
  const containers = pod.spec.containers.map((container) => container.name);
  const initContainers = (pod.spec.initContainers ?? []).map((container) => container.name);
  const ephemeral = (pod.spec.ephemeralContainers ?? []).map((container) => container.name);
  if (asked !== null && asked !== '') {
    if ([...containers, ...initContainers, ...ephemeral].includes(asked)) return asked;
    throw apiError('BadRequest', `container ${asked} is not valid for pod ${name}`);
  }
  const [only, ...others] = containers;
  if (only !== undefined && others.length === 0) return only;
  const orInit = initContainers.length > 0 ? ` or one of the init containers: [${initContainers.join(' ')}]` : '';
  throw apiError(
    'BadRequest',
    `a container name must be specified for pod ${name}, choose one of: [${containers.join(' ')}]${orInit}`,
  );
}
