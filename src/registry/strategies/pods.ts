import type { Container, Pod } from '../../api/generated/types.ts';
import { strategy } from './strategy.ts';

/** How the kernel should treat the pod when memory runs out; follows from the resources of its containers. */
type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const RESOURCES = ['cpu', 'memory'] as const;

function qosClass(pod: Pod): QosClass {
  const containers: readonly Container[] = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const asked = containers.some(({ resources }) =>
    RESOURCES.some((name) => isSet(resources?.requests?.[name]) || isSet(resources?.limits?.[name])),
  );
  if (!asked) return 'BestEffort';
  const guaranteed = containers.every(({ resources }) =>
    RESOURCES.every((name) => {
      const limit = resources?.limits?.[name];
      return isSet(limit) && (resources?.requests?.[name] ?? limit) === limit;
    }),
  );
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Zero is as good as absent. */
function isSet(quantity: string | undefined): boolean {
  return quantity !== undefined && Number.parseFloat(quantity) > 0;
}

export const pods = strategy<Pod>({
  subresources: ['status', 'binding', 'eviction'],
  generation: true,
  graceful: true,
  fields: {
    'spec.nodeName': (pod: Pod) => pod.spec?.nodeName ?? '',
    'spec.restartPolicy': (pod: Pod) => pod.spec?.restartPolicy ?? '',
    'spec.schedulerName': (pod: Pod) => pod.spec?.schedulerName ?? '',
    'spec.serviceAccountName': (pod: Pod) => pod.spec?.serviceAccountName ?? '',
    'spec.hostNetwork': (pod: Pod) => String(pod.spec?.hostNetwork ?? false),
    'status.phase': (pod: Pod) => pod.status?.phase ?? '',
    'status.podIP': (pod: Pod) => pod.status?.podIP ?? '',
    'status.podIPs': (pod: Pod) => pod.status?.podIPs?.map(({ ip }) => ip).join(',') ?? '',
    'status.nominatedNodeName': (pod: Pod) => pod.status?.nominatedNodeName ?? '',
  },
  prepareCreate: (pod) => ({ ...pod, status: { phase: 'Pending', qosClass: qosClass(pod) } }),
  // Old nodes used to lose what else there is: the status route leaves owners alone.
  prepareStatus(pod, old) {
    const { ownerReferences: _, ...metadata } = pod.metadata;
    const { ownerReferences } = old.metadata;
    const { qosClass: givenQos, ...status } = pod.status ?? {};
    const qos = givenQos ?? old.status?.qosClass;
    return {
      ...pod,
      metadata: ownerReferences === undefined ? metadata : { ...metadata, ownerReferences },
      status: qos === undefined ? status : { ...status, qosClass: qos },
    };
  },
});
