import type { Pod } from './generated/types.ts';

/** Which port of its machine each port that a pod declares really is. */
export type PortNumbers = Readonly<Record<number, number>>;

/**
 * On pods that share their address with others, where each declared port is another one: `8080=20481,9090=20482`. The
 * node writes it together with the address.
 */
export const PORTS_ANNOTATION = 'berth.dev/ports';

export function formatPorts(ports: PortNumbers): string {
  return Object.entries(ports)
    .map(([declared, actual]) => `${declared}=${actual}`)
    .join(',');
}

/** Where a port of the pod is found at the pod's address: the port itself, but on pods that share their address. */
export function actualPort({ metadata }: Pod, port: number): number {
  const entry = portEntries(metadata.annotations?.[PORTS_ANNOTATION]).find(([declared]) => declared === port);
  return entry?.[1] ?? port;
}

/** For people: the pod's address, and its ports where others have the same address. */
export function podPlace({ metadata, status }: Pod): string | undefined {
  const ports = portEntries(metadata.annotations?.[PORTS_ANNOTATION]).map(([, actual]) => actual);
  if (!status?.podIP) return undefined;
  return ports.length === 0 ? status.podIP : `${status.podIP}:${ports.join(',')}`;
}

function portEntries(text = ''): (readonly [declared: number, actual: number])[] {
  return [...text.matchAll(/(?<=^|,)(\d+)=(\d+)(?=,|$)/g)].map(([, declared, actual]) => [
    Number(declared),
    Number(actual),
  ]);
}
