import { collectDefaultMetrics, Registry } from 'prom-client';

/** What is measured of the process itself, from the first time it is asked for. */
export function processMetrics(): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return registry;
}
