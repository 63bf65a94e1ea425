import { EndpointSlices, Services } from '../api/kinds.ts';
import type { InformerSet } from '../client/informer.ts';
import { hostsLines } from '../dns/hosts-lines.ts';
import type { Clock, Timer } from '../platform/clock.ts';

/** N7: well within the second in which a change has to be seen. */
const DELAY_MS = 100;

/**
 * Tells which lines belong into the hosts files of pods that cannot ask the name server, whenever they may have changed.
 * Returns what ends that.
 */
export function followHosts(
  informers: InformerSet,
  clock: Clock,
  zone: string,
  update: (linesFor: (namespace: string) => string) => void,
): () => void {
  const services = informers.get(Services);
  const slices = informers.get(EndpointSlices);
  let timer: Timer | undefined;
  const changed = (): void => {
    timer ??= clock.after(DELAY_MS, () => {
      timer = undefined;
      update(hostsLines(zone, [...services.list()], [...slices.list()]));
    });
  };
  const unsubscribe = [services.subscribe(changed), slices.subscribe(changed)];
  return () => {
    timer?.cancel();
    for (const stop of unsubscribe) stop();
  };
}
