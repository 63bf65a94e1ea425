import { isAlreadyExists } from '../../api/errors.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/types.ts';
import { PersistentVolumeClaims, Pods } from '../../api/kinds.ts';
import { formatKey, keyOf, type New } from '../../api/meta.ts';
import { controllerReference, isControlledBy } from '../../api/owner-references.ts';
import { type Controller, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';

/** Starts the controller of volumes that a pod describes and takes with it: their claims belong to the pod. */
export function startEphemeralClaims({ client, informers, events, clock, logger }: ControllerParts): Controller {
  const pods = informers.get(Pods);
  const claims = informers.get(PersistentVolumeClaims);
  return runController({
    name: 'ephemeral-claims',
    clock,
    logger,
    reconcile: async (key) => {
      const pod = pods.getByKey(key);
      if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
      for (const claim of claimsFor(pod)) {
        const { namespace = '', name = '' } = claim.metadata;
        const before = claims.get({ namespace, name });
        if (before !== undefined && isControlledBy(before, pod)) continue;
        try {
          await client.create(PersistentVolumeClaims, claim);
        } catch (error) {
          if (!isAlreadyExists(error)) throw error;
          const current = await client.get(PersistentVolumeClaims, { namespace, name });
          if (isControlledBy(current, pod)) continue;
          // It is somebody's data: the pod must not get at it by its name.
          const message = `PVC ${namespace}/${name} was not created for the pod (pod is not owner)`;
          events.record({ about: pod, type: 'Warning', reason: 'FailedBinding', message });
          throw new Error(message);
        }
      }
    },
    caches: [pods, claims],
    follow: (queue) => [
      pods.subscribe((changes) => {
        for (const { type, object } of changes) {
          if (type === 'added' && object.spec.volumes?.some(({ ephemeral }) => ephemeral !== undefined)) {
            queue.enqueue(formatKey(keyOf(object)));
          }
        }
      }),
    ],
  });
}

function claimsFor(pod: Pod): readonly New<PersistentVolumeClaim>[] {
  const { name, namespace } = pod.metadata;
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const template = volume.ephemeral?.volumeClaimTemplate;
    if (template === undefined) return [];
    const { labels, annotations } = template.metadata ?? {};
    return [
      {
        metadata: {
          name: `${name}-${volume.name}`,
          ...(namespace !== undefined && { namespace }),
          ...(labels && { labels }),
          ...(annotations && { annotations }),
          ownerReferences: [controllerReference(Pods, pod)],
        },
        spec: template.spec,
      },
    ];
  });
}
