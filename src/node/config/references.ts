import type { ConfigMap, PersistentVolume, PersistentVolumeClaim, Secret } from '../../api/generated/types.ts';

/** The objects pods refer to. Undefined: there is no such object. */
export interface References {
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined>;
  secret(namespace: string, name: string): Promise<Secret | undefined>;
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>;
  volume(name: string): Promise<PersistentVolume | undefined>;
  /** A token of a service account. */
  token(
    namespace: string,
    serviceAccount: string,
    request: {
      readonly audience?: string;
      readonly expirationSeconds: number;
      readonly podName: string;
      readonly podUid: string;
    },
  ): Promise<string>;
}

/** The keys of a config map, as bytes. */
export function configMapData({ data = {}, binaryData = {} }: ConfigMap): ReadonlyMap<string, Buffer> {
  return new Map([
    ...Object.entries(data).map(([key, text]): [string, Buffer] => [key, Buffer.from(text)]),
    ...Object.entries(binaryData).map(([key, text]): [string, Buffer] => [key, Buffer.from(text, 'base64')]),
  ]);
}

/** The keys of a secret, as bytes. */
export function secretData({ data = {} }: Secret): ReadonlyMap<string, Buffer> {
  return new Map(Object.entries(data).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}
