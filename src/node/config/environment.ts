import type { Container, EnvFromSource, EnvVarSource, Pod } from '../../api/generated/types.ts';
import { NotReadyError } from '../pod/pod-resources.ts';
import { fieldValue, type PodFacts, resourceFieldValue } from './downward-api.ts';
import { expand } from './expansion.ts';
import { configMapData, type References, secretData } from './references.ts';

const REASON = 'CreateContainerConfigError';

/**
 * P6: a container's environment: what services there are, then `envFrom`, then `env`; the later wins, and `fixed`
 * variables win over all. A value may use what comes before it. Throws {@link NotReadyError} when something it refers to
 * is missing and not optional.
 */
export async function containerEnvironment(
  pod: Pod,
  container: Container,
  services: Readonly<Record<string, string>>,
  fixed: Readonly<Record<string, string>>,
  references: References,
  facts: PodFacts,
): Promise<Readonly<Record<string, string>>> {
  const { namespace = 'default' } = pod.metadata;
  const env: Record<string, string> = {};
  for (const source of container.envFrom ?? []) Object.assign(env, await fromSource(source, namespace, references));
  for (const { name, value, valueFrom } of container.env ?? []) {
    const resolved = valueFrom
      ? await valueFor(valueFrom, pod, container, references, facts)
      : expand(value ?? '', (variable) => fixed[variable] ?? env[variable] ?? services[variable]);
    if (resolved !== undefined) env[name] = resolved;
  }
  return { ...services, ...env, ...fixed };
}

async function fromSource(
  { prefix = '', configMapRef, secretRef }: EnvFromSource,
  namespace: string,
  references: References,
): Promise<Record<string, string>> {
  const reference = configMapRef ?? secretRef;
  if (!reference) return {};
  const { name = '', optional } = reference;
  const data = configMapRef
    ? await configMap(references, namespace, name, optional)
    : await secret(references, namespace, name, optional);
  return Object.fromEntries([...(data ?? [])].map(([key, bytes]) => [prefix + key, bytes.toString('utf8')]));
}

async function valueFor(
  source: EnvVarSource,
  pod: Pod,
  container: Container,
  references: References,
  facts: PodFacts,
): Promise<string | undefined> {
  const { namespace = 'default' } = pod.metadata;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef } = source;
  if (fieldRef) {
    const value = fieldValue(pod, fieldRef.fieldPath, facts);
    if (value === undefined) throw new NotReadyError(REASON, `unsupported fieldPath: ${fieldRef.fieldPath}`);
    return value;
  }
  if (resourceFieldRef) {
    const { containerName } = resourceFieldRef;
    const named = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].find(
      ({ name }) => name === containerName,
    );
    const value = resourceFieldValue(named ?? container, resourceFieldRef, facts);
    if (value === undefined) throw new NotReadyError(REASON, `unsupported resource: ${resourceFieldRef.resource}`);
    return value;
  }
  if (configMapKeyRef) {
    const { name = '', key, optional } = configMapKeyRef;
    const data = await configMap(references, namespace, name, optional);
    return keyOf(data, key, optional, `configmap ${namespace}/${name}`);
  }
  if (secretKeyRef) {
    const { name = '', key, optional } = secretKeyRef;
    const data = await secret(references, namespace, name, optional);
    return keyOf(data, key, optional, `secret ${namespace}/${name}`);
  }
  throw new NotReadyError(
    REASON,
    `variables from a file (${Object.keys(source).join(', ')}) are not supported by this node`,
  );
}

function keyOf(
  data: ReadonlyMap<string, Buffer> | undefined,
  key: string,
  optional: boolean | undefined,
  what: string,
): string | undefined {
  const value = data?.get(key);
  if (value === undefined && !optional) throw new NotReadyError(REASON, `couldn't find key ${key} in ${what}`);
  return value?.toString('utf8');
}

async function configMap(references: References, namespace: string, name: string, optional: boolean | undefined) {
  const found = await references.configMap(namespace, name);
  if (!found && !optional) throw new NotReadyError(REASON, `configmap "${name}" not found`);
  return found && configMapData(found);
}

async function secret(references: References, namespace: string, name: string, optional: boolean | undefined) {
  const found = await references.secret(namespace, name);
  if (!found && !optional) throw new NotReadyError(REASON, `secret "${name}" not found`);
  return found && secretData(found);
}
