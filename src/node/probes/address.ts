import type { Container } from '../../api/generated/types.ts';

/** The number of a port that may be given by the name it has in the container; undefined when there is none. */
export function portNumber(container: Container, port: number | string): number | undefined {
  if (typeof port === 'number') return port;
  const named = container.ports?.find(({ name }) => name === port);
  if (named) return named.containerPort;
  return /^\d+$/.test(port) ? Number(port) : undefined;
}
