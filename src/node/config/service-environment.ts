import type { Service } from '../../api/generated/types.ts';

/** Where the API server is reached. */
export interface ApiAddress {
  readonly host: string;
  readonly port: number;
}

/**
 * The variables that tell a pod where services are: those of its namespace when it wants them, and always those of the
 * API itself (`default/kubernetes`), which is at `api` where pods cannot reach the addresses of services.
 */
export function serviceEnvironment(
  services: (namespace: string) => readonly Service[],
  namespace: string,
  enableServiceLinks: boolean,
  api?: ApiAddress,
): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const service of services('default')) if (service.metadata.name === 'kubernetes') addService(env, service);
  if (enableServiceLinks) for (const service of services(namespace)) addService(env, service);
  if (api !== undefined) {
    env.KUBERNETES_SERVICE_HOST = api.host;
    env.KUBERNETES_SERVICE_PORT = String(api.port);
    env.KUBERNETES_SERVICE_PORT_HTTPS = String(api.port);
  }
  return env;
}

function addService(env: Record<string, string>, service: Service): void {
  const { clusterIP, ports = [] } = service.spec;
  const [first] = ports;
  if (!clusterIP || clusterIP === 'None' || !first) return;
  const prefix = variableName(service.metadata.name);
  env[`${prefix}_SERVICE_HOST`] = clusterIP;
  env[`${prefix}_SERVICE_PORT`] = String(first.port);
  for (const { name, port } of ports) if (name) env[`${prefix}_SERVICE_PORT_${variableName(name)}`] = String(port);
  for (const { port, protocol = 'TCP' } of ports) {
    const url = `${protocol.toLowerCase()}://${clusterIP.includes(':') ? `[${clusterIP}]` : clusterIP}:${port}`;
    if (port === first.port && protocol === (first.protocol ?? 'TCP')) env[`${prefix}_PORT`] = url;
    const each = `${prefix}_PORT_${port}_${protocol.toUpperCase()}`;
    env[each] = url;
    env[`${each}_PROTO`] = protocol.toLowerCase();
    env[`${each}_PORT`] = String(port);
    env[`${each}_ADDR`] = clusterIP;
  }
}

function variableName(name: string): string {
  return name.toUpperCase().replace(/-/g, '_');
}
