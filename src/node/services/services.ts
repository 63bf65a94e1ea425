import type { EndpointSlice, Pod, Service } from '../../api/generated/types.ts';
import { EndpointSlices, Pods, Services } from '../../api/kinds.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';
import type { InformerSet } from '../../client/informer.ts';
import { WorkQueue } from '../../client/work-queue.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Logger } from '../../platform/logger.ts';
import { asksForHostPorts, hostPorts } from './host-ports.ts';
import type { ServiceBackend } from './service-backend.ts';
import { type ReachablePort, reachablePorts } from './service-ports.ts';
import type { Unreachable } from './unreachable.ts';

/** All there is to do is one thing: to make everything as it should be. */
const KEY = 'services';
/** Changes that come within this time are made together. */
const BATCH_MS = 20;
/** How soon a port that is not there yet is looked for again. */
const NOT_YET_MS = 500;
/** How soon one that somebody else has, who was told of, is tried again. */
const RETRY_MS = 10_000;
/** How often what was made is looked after. */
const CHECK_MS = 30_000;
/** The index of pods that ask for ports of their node. */
const ASKING = 'asking';

export interface ServicesOptions {
  readonly informers: InformerSet;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly recorder: EventRecorder;
  readonly backend: ServiceBackend;
  /** How often it is made sure that nobody has taken away what was made; default 30 s. */
  readonly checkMs?: number;
}

/** Keeps the services of the cluster reachable on this machine. */
export interface RunningServices {
  /** Resolves when everything known now has been made reachable, or has been tried in vain: then it is tried again. */
  readonly ready: Promise<void>;
  /** The nodes of the machine have changed: does it all once more, and resolves as `ready` does. */
  refresh(): Promise<void>;
  /** Goes on no longer; `remove` also takes away what was made. */
  stop(options: { readonly remove: boolean }): Promise<void>;
}

/**
 * Follows services and their endpoints and keeps the backend as they are.
 *
 * @example
 * const services = startServices({ informers, clock, logger, recorder, backend: packetFilter({ owner, networks }) });
 */
export function startServices({
  informers,
  clock,
  logger,
  recorder,
  backend,
  checkMs = CHECK_MS,
}: ServicesOptions): RunningServices {
  const services = informers.get(Services);
  const slices = informers.get(EndpointSlices);
  const pods = informers.get(Pods);
  const slicesByService = slices.index(serviceOf);
  const podsWithPorts = pods.index((pod) => (asksForHostPorts(pod) ? ASKING : undefined));
  let applied: string | undefined;
  let checkedMs = 0;
  let told: readonly Unreachable[] = [];
  let waiters: (() => void)[] = [];
  const apply = async (): Promise<void> => {
    // What is known in part would close what is open since before.
    if (!services.hasSynced || !slices.hasSynced || !pods.hasSynced) return;
    const waiting = waiters;
    waiters = [];
    try {
      const ofServices = reachablePorts(services.list(), (service) => slicesByService.get(keyOf(service)));
      const ofPods = hostPorts(podsWithPorts.get(ASKING));
      await make([...ofServices.ports, ...ofPods.ports], [...ofServices.unreachable, ...ofPods.unreachable]);
    } finally {
      for (const resolve of waiting) resolve();
    }
  };
  const make = async (ports: readonly ReachablePort[], refused: readonly Unreachable[]): Promise<void> => {
    const wanted = JSON.stringify([ports, refused]);
    const isChecked = clock.now() < checkedMs + checkMs;
    if (wanted === applied && (isChecked || (await backend.isIntact()))) {
      if (!isChecked) checkedMs = clock.now();
      queue.after(KEY, checkMs);
      return;
    }
    const unreachable = await backend.apply(ports);
    checkedMs = clock.now();
    applied = unreachable.length === 0 ? wanted : undefined;
    const isNotYet = unreachable.some((port) => port.isNotYet);
    queue.after(KEY, unreachable.length === 0 ? checkMs : isNotYet ? NOT_YET_MS : RETRY_MS);
    const now = [...refused, ...unreachable].filter((port) => !port.isNotYet);
    const before = new Set(told.map(({ name, message }) => `${name} ${message}`));
    told = now;
    for (const port of now) if (!before.has(`${port.name} ${port.message}`)) tell(port);
  };
  const tell = ({ name, message }: Unreachable): void => {
    const key = name.slice(0, name.lastIndexOf(':'));
    const isPod = key.startsWith('pod ');
    const about = isPod ? pods.getByKey(key.slice('pod '.length)) : services.getByKey(key);
    const reason = isPod ? 'HostPortUnreachable' : 'ServiceUnreachable';
    if (about) recorder.record({ about, type: 'Warning', reason, message });
  };
  const queue = new WorkQueue({
    clock,
    concurrency: 1,
    initialBackoffMs: 500,
    handle: apply,
    onFailure: (_key, error) => logger.warn('services cannot be made reachable', { error: String(error) }),
  });
  const changed = (): void => queue.after(KEY, BATCH_MS);
  const unsubscribe = [
    services.subscribe(changed),
    slices.subscribe(changed),
    pods.subscribe((changes) => {
      if (changes.some(({ object }: { readonly object: Pod }) => asksForHostPorts(object))) changed();
    }),
  ];
  void Promise.all([services.synced, slices.synced, pods.synced]).then(() => queue.add(KEY));
  const refresh = (): Promise<void> =>
    new Promise((resolve) => {
      waiters.push(resolve);
      applied = undefined;
      queue.add(KEY);
    });
  return {
    ready: refresh(),
    refresh,
    async stop({ remove }) {
      for (const end of unsubscribe) end();
      await queue.close();
      if (remove) await backend.close();
    },
  };
}

function serviceOf({ metadata }: EndpointSlice): string | undefined {
  const name = metadata.labels?.['kubernetes.io/service-name'];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

function keyOf({ metadata }: Service): string {
  return `${metadata.namespace}/${metadata.name}`;
}
