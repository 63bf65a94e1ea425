import { isAlreadyExists, isConflict, isNotFound } from '../../api/errors.ts';
import type { EndpointSlice, Endpoints as EndpointsObject, Pod, Service } from '../../api/generated/types.ts';
import { EndpointSlices, Endpoints, Nodes, Pods, Services } from '../../api/kinds.ts';
import { formatKey, keyOf } from '../../api/meta.ts';
import { PORTS_ANNOTATION } from '../../api/pod-ports.ts';
import type { Change, Index, Informer } from '../../client/informer.ts';
import { WriteTracker } from '../../client/write-tracker.ts';
import { timestamp } from '../../platform/clock.ts';
import { type Controller, type ControllerQueue, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';
import { endpointsFor, isSameEndpoints } from './plan-endpoints.ts';
import { MANAGED_BY_LABEL, MANAGER, planSlices, SERVICE_NAME_LABEL } from './plan-slices.ts';
import { isOver, isPodReady } from './pod-endpoint.ts';
import { ServiceMembers } from './service-members.ts';

const SLICES = 'slices ';
const LEGACY = 'endpoints ';

/** A change shows at once; the next ones of the same service wait this long, so that a burst is few writes. */
const PAUSE_MS = 10;
/** And longer the more pods the service has, since each write is larger. */
const PAUSE_PER_POD_MS = 0.5;
/** N7: the answer of the DNS follows within a second. */
const LONGEST_PAUSE_MS = 500;
/** The old kind is for clients that are not in a hurry. */
const LEGACY_DELAY_MS = 500;

/**
 * Starts the endpoints controller: for every service with a selector, EndpointSlices (and an `Endpoints` object) that
 * say where its pods are and which of them are ready.
 */
export function startEndpointsController(parts: ControllerParts): Controller {
  return new EndpointsController(parts).start();
}

class EndpointsController {
  readonly #parts: ControllerParts;
  readonly #members = new ServiceMembers();
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #slicesByService: Index<EndpointSlice>;
  readonly #endpoints: Informer<EndpointsObject>;
  readonly #tracker: WriteTracker;
  /** Until when each service pauses. */
  readonly #pauses = new Map<string, number>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#services = parts.informers.get(Services);
    this.#slices = parts.informers.get(EndpointSlices);
    this.#slicesByService = this.#slices.index(ownSliceService);
    this.#endpoints = parts.informers.get(Endpoints);
    this.#tracker = new WriteTracker({ clock: parts.clock });
  }

  start(): Controller {
    const { informers, clock, logger } = this.#parts;
    return runController({
      name: 'endpoints',
      clock,
      logger,
      concurrency: 64,
      reconcile: async (key) => {
        await this.#tracker.caughtUp(key);
        if (key.startsWith(SLICES)) await this.#syncSlices(key, key.slice(SLICES.length));
        else await this.#syncEndpoints(key, key.slice(LEGACY.length));
      },
      caches: [this.#services, this.#slices, this.#endpoints, informers.get(Pods), informers.get(Nodes)],
      follow: (queue) => this.#follow(queue),
    });
  }

  /** Tells of every key that a change may concern. */
  #follow(queue: ControllerQueue): readonly (() => void)[] {
    const { informers, clock } = this.#parts;
    const pods = informers.get(Pods);
    const needsWork = (service: string): void => {
      const pauseMs = (this.#pauses.get(service) ?? 0) - clock.now();
      if (pauseMs > 0) queue.enqueueAfter(`${SLICES}${service}`, pauseMs);
      else queue.enqueue(`${SLICES}${service}`);
      queue.enqueueAfter(`${LEGACY}${service}`, LEGACY_DELAY_MS);
    };
    return [
      this.#services.subscribe((changes) => {
        for (const { type, object } of changes) {
          const key = formatKey(keyOf(object));
          if (type === 'deleted') {
            this.#members.removeService(key);
            this.#pauses.delete(key);
          } else this.#members.setService(object, () => pods.list());
          needsWork(key);
        }
      }),
      pods.subscribe((changes) => {
        for (const change of changes) {
          const services = this.#members.setPod(change.object, change.type === 'deleted');
          if (services.length > 0 && isVisible(change)) for (const service of services) needsWork(service);
        }
      }),
      this.#slices.subscribe((changes) => {
        // Somebody removed or changed a slice: it is put right. Our own writes come by too and find nothing to do.
        for (const { type, object } of changes) {
          const service = ownSliceService(object);
          if (service !== undefined && type === 'deleted') needsWork(service);
        }
      }),
    ];
  }

  async #syncSlices(key: string, serviceKey: string): Promise<void> {
    const service = this.#services.getByKey(serviceKey);
    // The garbage collector removes the slices of a service that has gone; those of one without selector are not ours.
    if (service === undefined || !hasSelector(service)) return;
    const { client, clock, informers } = this.#parts;
    const nodes = informers.get(Nodes);
    const slices = this.#slicesByService.get(serviceKey);
    const plan = planSlices({
      service,
      pods: this.#members.podsOf(serviceKey),
      slices,
      zoneOf: (name) => nodes.get({ name })?.metadata.labels?.['topology.kubernetes.io/zone'],
      now: timestamp(clock.now()),
    });
    const pauseMs = PAUSE_MS + this.#members.count(serviceKey) * PAUSE_PER_POD_MS;
    this.#pauses.set(serviceKey, clock.now() + Math.min(LONGEST_PAUSE_MS, pauseMs));
    await Promise.all([
      ...plan.create.map(async (slice) =>
        this.#tracker.wrote(key, this.#slices, await client.create(EndpointSlices, slice)),
      ),
      ...plan.update.map(async (slice) =>
        this.#tracker.wrote(key, this.#slices, await client.update(EndpointSlices, slice)),
      ),
      ...plan.remove.map((slice) => this.#remove(slice)),
    ]);
  }

  async #remove(slice: EndpointSlice): Promise<void> {
    try {
      await this.#parts.client.delete(EndpointSlices, keyOf(slice), { preconditions: { uid: slice.metadata.uid } });
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }

  async #syncEndpoints(key: string, serviceKey: string): Promise<void> {
    const { client } = this.#parts;
    const service = this.#services.getByKey(serviceKey);
    const before = this.#endpoints.getByKey(serviceKey);
    if (service === undefined) {
      if (before === undefined) return;
      try {
        await client.delete(Endpoints, keyOf(before), { preconditions: { uid: before.metadata.uid } });
      } catch (error) {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      }
      return;
    }
    if (!hasSelector(service)) return;
    const after = endpointsFor(service, this.#members.podsOf(serviceKey));
    if (before === undefined) {
      try {
        this.#tracker.wrote(key, this.#endpoints, await client.create(Endpoints, after));
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      return;
    }
    if (isSameEndpoints(before, after)) return;
    const { annotations: _, ...metadata } = before.metadata;
    this.#tracker.wrote(
      key,
      this.#endpoints,
      await client.update(Endpoints, {
        ...before,
        ...after,
        metadata: { ...metadata, ...after.metadata },
      } as EndpointsObject),
    );
  }
}

function hasSelector({ spec }: Service): boolean {
  return spec?.type !== 'ExternalName' && Object.keys(spec?.selector ?? {}).length > 0;
}

function ownSliceService({ metadata }: EndpointSlice): string | undefined {
  const { namespace = '', labels = {} } = metadata;
  const service = labels[SERVICE_NAME_LABEL];
  return service !== undefined && labels[MANAGED_BY_LABEL] === MANAGER ? `${namespace}/${service}` : undefined;
}

/** Whether a change of a pod can be seen in an endpoint: most changes cannot. */
function isVisible(change: Change<Pod>): boolean {
  const before = change.type === 'added' ? '' : podFacts(change.type === 'updated' ? change.previous : change.object);
  const after = change.type === 'deleted' ? '' : podFacts(change.object);
  return before !== after;
}

/** All of a pod that an endpoint tells; empty for one that is no endpoint (yet, or any more). */
function podFacts(pod: Pod): string {
  const { labels, annotations, deletionTimestamp } = pod.metadata;
  const { podIP, podIPs } = pod.status ?? {};
  if ((!podIP && !podIPs?.length) || isOver(pod)) return '';
  const { nodeName, hostname, subdomain } = pod.spec;
  const isEnding = deletionTimestamp !== undefined;
  const ports = annotations?.[PORTS_ANNOTATION];
  return JSON.stringify([labels, isEnding, podIP, podIPs, ports, isPodReady(pod), nodeName, hostname, subdomain]);
}
