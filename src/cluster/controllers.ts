import { builtInTypes } from '../api/kinds.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Client } from '../client/client.ts';
import { ApiEventRecorder } from '../client/event-recorder.ts';
import type { InformerSet } from '../client/informer.ts';
import type { QueueStatistics } from '../client/work-queue.ts';
import { startClusterRoleController } from '../controllers/cluster-roles/controller.ts';
import type { Controller } from '../controllers/controller.ts';
import { startCustomResourceController } from '../controllers/custom-resources/controller.ts';
import { startDeploymentController } from '../controllers/deployment/controller.ts';
import { startDisruptionController } from '../controllers/disruption/controller.ts';
import { startEndpointsController } from '../controllers/endpoints/controller.ts';
import { startGarbageCollector } from '../controllers/garbage-collector/controller.ts';
import { startNamespaceController } from '../controllers/namespaces/controller.ts';
import { startNamespaceContents } from '../controllers/namespaces/namespace-contents.ts';
import { startNodeController } from '../controllers/nodes/controller.ts';
import { startReplicaSetController } from '../controllers/replicaset/controller.ts';
import { startTokenSecrets } from '../controllers/service-account-tokens/controller.ts';
import { startStatefulSetController } from '../controllers/statefulset/controller.ts';
import { startVolumeController } from '../controllers/volumes/controller.ts';
import { startEphemeralClaims } from '../controllers/volumes/ephemeral-claims.ts';
import type { Clock } from '../platform/clock.ts';
import type { Logger } from '../platform/logger.ts';
import type { Random } from '../platform/random.ts';
import { startScheduler } from '../scheduler/scheduler.ts';
import { Closers } from './closers.ts';

/** Events are about objects and never theirs. */
const OWNED_TYPES = builtInTypes.filter(({ kind }) => kind !== 'Event');

export interface ControllersOptions {
  readonly client: Client;
  readonly schedulerClient: Client;
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Every kind that is served now, custom ones included. */
  readonly types: () => readonly ResourceType[];
  /** Whether pods without a node are given one; otherwise the caller does it. */
  readonly schedule: boolean;
  /** How long a node may be silent before it counts as lost. */
  readonly nodeGraceMs: number;
  /** PEM: whom the clients in pods trust. */
  readonly rootCertificate: string;
}

export interface RunningControllers {
  /** The queues of the controllers, by the controller's name. */
  readonly queues: ReadonlyMap<string, QueueStatistics>;
  /** Resolves when nothing of them is under way any more. */
  stop(): Promise<void>;
}

/** Starts every controller, and the scheduler. */
export function startControllers(options: ControllersOptions): RunningControllers {
  const closers = new Closers();
  /** Who speaks in events is the part itself. */
  const recorder = (component: string): ApiEventRecorder => {
    const events = new ApiEventRecorder({ ...options, component });
    closers.add(() => events.stop());
    return events;
  };
  const queues = new Map<string, QueueStatistics>();
  const start = (controller: Controller): void => {
    queues.set(controller.name, controller.statistics);
    closers.add(() => controller.stop());
  };

  start(startStatefulSetController({ ...options, events: recorder('statefulset-controller') }));
  start(startReplicaSetController({ ...options, events: recorder('replicaset-controller') }));
  start(startDeploymentController({ ...options, events: recorder('deployment-controller') }));
  start(startEndpointsController({ ...options, events: recorder('endpoint-slice-controller') }));
  const garbageCollector = startGarbageCollector({ ...options, types: OWNED_TYPES });
  start(garbageCollector);
  start(startCustomResourceController({ ...options, followers: [garbageCollector] }));
  start(startClusterRoleController(options));
  start(startNamespaceController(options));
  start(startNamespaceContents({ ...options, rootCertificate: options.rootCertificate }));
  start(startTokenSecrets(options));
  start(startNodeController({ ...options, graceMs: options.nodeGraceMs, events: recorder('node-controller') }));
  start(startDisruptionController(options));
  start(startVolumeController({ ...options, events: recorder('persistentvolume-controller') }));
  start(startEphemeralClaims({ ...options, events: recorder('ephemeral-volume-controller') }));
  if (options.schedule) {
    const scheduler = startScheduler({
      ...options,
      client: options.schedulerClient,
      events: recorder('default-scheduler'),
    });
    queues.set('scheduler', scheduler.statistics);
    closers.add(() => scheduler.stop());
  }
  return { queues, stop: () => closers.close() };
}
