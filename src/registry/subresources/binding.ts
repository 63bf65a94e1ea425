import { apiError, type FieldError, invalid, notFound } from '../../api/errors.ts';
import type { Binding, Pod, PodCondition, Status } from '../../api/generated/types.ts';
import { Pods } from '../../api/kinds.ts';
import type { ObjectKey } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { timestamp } from '../../platform/clock.ts';
import { commitPut, withCurrent } from '../commits.ts';
import { objectOf, type RegistryCore } from '../core.ts';
import { readObject, sealObject } from '../input.ts';
import { storeKey } from '../keys.ts';
import type { RequestContext } from '../requests.ts';

/** What the scheduler posts. It is never stored. */
const Bindings: ResourceType<Binding> = {
  group: '',
  version: 'v1',
  kind: 'Binding',
  plural: 'bindings',
  singular: 'binding',
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: 'Binding',
};

/**
 * Gives a pod its node, once and for all, and says so in its `PodScheduled` condition, in one write. Throws `Conflict`
 * for a pod that has a node or is ending.
 */
export function bindPod(core: RegistryCore, key: ObjectKey, body: unknown, context: RequestContext): Promise<Status> {
  const binding = readObject(Bindings, body, context) as unknown as Binding;
  const nodeName = targetOf(binding, key);
  const path = storeKey(Pods, key);
  return withCurrent(core, path, async (current) => {
    if (current === undefined) throw notFound(Pods, key.name);
    const pod = objectOf<Pod>(current);
    assertBindable(pod, binding);
    const bound = sealObject(boundPod(pod, binding, nodeName, timestamp(core.clock.now())));
    if (!context.dryRun) await commitPut(core, path, bound, current.revision);
    return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 };
  });
}

function targetOf({ metadata, target }: Binding, key: ObjectKey): string {
  if (metadata.name !== undefined && metadata.name !== '' && metadata.name !== key.name) {
    throw apiError(
      'BadRequest',
      `the name of the object (${metadata.name}) does not match the name on the URL (${key.name})`,
    );
  }
  const errors: FieldError[] = [];
  const { kind = '', name = '' } = target ?? {};
  if (kind !== '' && kind !== 'Node') {
    errors.push({
      reason: 'FieldValueNotSupported',
      field: 'target.kind',
      message: `Unsupported value: ${JSON.stringify(kind)}: supported values: "Node", "<empty>"`,
    });
  }
  if (name === '') errors.push({ reason: 'FieldValueRequired', field: 'target.name', message: 'Required value' });
  if (errors.length > 0) throw invalid(Bindings, key.name, errors);
  return name;
}

function assertBindable(pod: Pod, binding: Binding): void {
  const { name, uid } = pod.metadata;
  const wanted = binding.metadata.uid ?? '';
  const why =
    wanted !== '' && wanted !== uid
      ? `Precondition failed: UID in precondition: ${wanted}, UID in object meta: ${uid}`
      : pod.metadata.deletionTimestamp !== undefined
        ? `pod ${name} is being deleted, cannot be assigned to a host`
        : (pod.spec?.nodeName ?? '') !== ''
          ? `pod ${name} is already assigned to node ${JSON.stringify(pod.spec?.nodeName)}`
          : (pod.spec?.schedulingGates ?? []).length > 0
            ? `pod ${name} has non-empty .spec.schedulingGates`
            : undefined;
  if (why === undefined) return;
  throw apiError('Conflict', `Operation cannot be fulfilled on pods/binding ${JSON.stringify(name)}: ${why}`, {
    type: Pods,
    name,
  });
}

function boundPod(pod: Pod, binding: Binding, nodeName: string, now: string): Pod {
  const { labels, annotations } = binding.metadata;
  const others = pod.status?.conditions?.filter((condition) => condition.type !== 'PodScheduled') ?? [];
  const scheduled: PodCondition = { type: 'PodScheduled', status: 'True', lastTransitionTime: now };
  return {
    ...pod,
    metadata: {
      ...pod.metadata,
      ...(labels && { labels: { ...pod.metadata.labels, ...labels } }),
      ...(annotations && { annotations: { ...pod.metadata.annotations, ...annotations } }),
    },
    ...(pod.spec && { spec: { ...pod.spec, nodeName } }),
    status: { ...pod.status, conditions: [...others, scheduled] },
  };
}
