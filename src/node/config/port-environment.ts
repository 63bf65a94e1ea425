import type { Container, Pod } from '../../api/generated/types.ts';
import type { PortNumbers } from '../../api/pod-ports.ts';

/**
 * The variables that tell the programs of a pod which ports are theirs, where these are not those they declare:
 * `BERTH_PORT_8080` and, for a port with a name, `BERTH_PORT_HTTP`. Of two ports with one name the container's own counts.
 */
export function portEnvironment(
  { spec }: Pod,
  container: Container,
  ports: PortNumbers = {},
): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const { ports: declared = [] } of [...(spec.initContainers ?? []), ...spec.containers, container]) {
    for (const { name, containerPort } of declared) {
      const actual = ports[containerPort];
      if (actual === undefined) continue;
      env[`BERTH_PORT_${containerPort}`] = String(actual);
      if (name) env[`BERTH_PORT_${name.toUpperCase().replaceAll('-', '_')}`] = String(actual);
    }
  }
  return env;
}
