import { createHash } from 'node:crypto';

import type { ResourceType } from '../api/resource-type.ts';
import type { Registry } from '../registry/requests.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];

/** What can be done with a resource. As in Kubernetes, namespaces are not deleted many at a time. */
export function verbsOf({ group, plural }: ResourceType): readonly string[] {
  return group === '' && plural === 'namespaces' ? VERBS.filter((verb) => verb !== 'deletecollection') : VERBS;
}

interface SubresourceShape {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly verbs: readonly string[];
}

/** What can be done with a subresource and in which kind it speaks; by default the object itself is read and written. */
const SUBRESOURCES: Readonly<Record<string, SubresourceShape>> = {
  scale: { group: 'autoscaling', version: 'v1', kind: 'Scale', verbs: ['get', 'patch', 'update'] },
  binding: { group: '', version: 'v1', kind: 'Binding', verbs: ['create'] },
  eviction: { group: 'policy', version: 'v1', kind: 'Eviction', verbs: ['create'] },
  token: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest', verbs: ['create'] },
  log: { group: '', version: 'v1', kind: 'Pod', verbs: ['get'] },
  exec: { group: '', version: 'v1', kind: 'PodExecOptions', verbs: ['create', 'get'] },
  attach: { group: '', version: 'v1', kind: 'PodAttachOptions', verbs: ['create', 'get'] },
  portforward: { group: '', version: 'v1', kind: 'PodPortForwardOptions', verbs: ['create', 'get'] },
};

/** Byte streams of pods: served by the node, not by the registry. */
export const POD_STREAMS: readonly string[] = ['log', 'exec', 'attach', 'portforward'];

/** Resources that are answered and not stored: questions, and what stands for several kinds. */
export interface VirtualResource {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

function subresourcesOf(registry: Registry, type: ResourceType): readonly string[] {
  const own = registry.subresources(type);
  return type.group === '' && type.plural === 'pods' ? [...new Set([...own, ...POD_STREAMS])] : own;
}

/** What can be done with a subresource of a kind. */
export function subresourceShape(type: ResourceType, name: string): SubresourceShape {
  if (name === 'finalize') return { ...type, verbs: ['update'] };
  return (
    SUBRESOURCES[name] ?? {
      group: type.group,
      version: type.version,
      kind: type.kind,
      verbs: ['get', 'patch', 'update'],
    }
  );
}

/** One version of one group with all that is in it. */
interface GroupVersion {
  readonly group: string;
  readonly version: string;
  readonly types: readonly ResourceType[];
  readonly virtual: readonly VirtualResource[];
}

function groupVersions(registry: Registry, virtual: readonly VirtualResource[]): readonly GroupVersion[] {
  const found = new Map<
    string,
    { group: string; version: string; types: ResourceType[]; virtual: VirtualResource[] }
  >();
  const at = ({ group, version }: { group: string; version: string }) => {
    const key = `${group}/${version}`;
    const entry = found.get(key) ?? { group, version, types: [], virtual: [] };
    found.set(key, entry);
    return entry;
  };
  for (const type of registry.types()) at(type).types.push(type);
  for (const resource of virtual) at(resource).virtual.push(resource);
  return [...found.values()];
}

const groupVersionName = ({ group, version }: { group: string; version: string }): string =>
  group === '' ? version : `${group}/${version}`;

/** What clients ask first: which kinds there are and what can be done with them. */
export class Discovery {
  readonly #registry: Registry;
  readonly #virtual: readonly VirtualResource[];

  constructor(registry: Registry, virtual: readonly VirtualResource[] = []) {
    this.#registry = registry;
    this.#virtual = virtual;
  }

  /** `/api` */
  coreVersions(serverAddress: string): object {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }],
    };
  }

  /** `/apis` */
  groupList(): object {
    return { kind: 'APIGroupList', apiVersion: 'v1', groups: this.#groups().map(groupDocument) };
  }

  /** `/apis/GROUP` */
  group(name: string): object | undefined {
    const versions = this.#groups().find(([first]) => first?.group === name);
    return versions && { kind: 'APIGroup', apiVersion: 'v1', ...groupDocument(versions) };
  }

  /** `/api/v1`, `/apis/GROUP/VERSION` */
  resourceList(group: string, version: string): object | undefined {
    const found = groupVersions(this.#registry, this.#virtual).find(
      (gv) => gv.group === group && gv.version === version,
    );
    if (found === undefined) return undefined;
    const resources: object[] = [];
    for (const type of found.types) {
      resources.push({
        name: type.plural,
        singularName: type.singular,
        namespaced: type.namespaced,
        kind: type.kind,
        verbs: verbsOf(type),
        ...(type.shortNames.length > 0 && { shortNames: type.shortNames }),
        ...(type.categories.length > 0 && { categories: type.categories }),
      });
      for (const name of subresourcesOf(this.#registry, type)) {
        const shape = subresourceShape(type, name);
        resources.push({
          name: `${type.plural}/${name}`,
          singularName: '',
          namespaced: type.namespaced,
          ...((shape.group !== type.group || shape.version !== type.version) && {
            group: shape.group,
            version: shape.version,
          }),
          kind: shape.kind,
          verbs: shape.verbs,
        });
      }
    }
    for (const resource of found.virtual) {
      const { plural, singular, namespaced, kind, verbs } = resource;
      resources.push({ name: plural, singularName: singular, namespaced, kind, verbs });
    }
    return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: groupVersionName(found), resources };
  }

  /** `/api` and `/apis` for clients that want everything in one answer. */
  aggregated(core: boolean): object {
    const groups = core
      ? [groupVersions(this.#registry, this.#virtual).filter((gv) => gv.group === '')]
      : this.#groups();
    return {
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: groups.map((versions) => ({
        metadata: { ...(!core && { name: versions[0]?.group ?? '' }), creationTimestamp: null },
        versions: versions.map((gv) => ({
          version: gv.version,
          resources: [
            ...gv.types.map((type) => this.#aggregatedResource(type)),
            ...gv.virtual.map((resource) => ({
              resource: resource.plural,
              responseKind: { group: resource.group, version: resource.version, kind: resource.kind },
              scope: resource.namespaced ? 'Namespaced' : 'Cluster',
              singularResource: resource.singular,
              verbs: resource.verbs,
            })),
          ],
          freshness: 'Current',
        })),
      })),
    };
  }

  #aggregatedResource(type: ResourceType): object {
    const { group, version, kind } = type;
    const subresources = subresourcesOf(this.#registry, type).map((name) => {
      const shape = subresourceShape(type, name);
      return {
        subresource: name,
        responseKind: { group: shape.group, version: shape.version, kind: shape.kind },
        verbs: shape.verbs,
      };
    });
    return {
      resource: type.plural,
      responseKind: { group, version, kind },
      scope: type.namespaced ? 'Namespaced' : 'Cluster',
      singularResource: type.singular,
      verbs: verbsOf(type),
      ...(type.shortNames.length > 0 && { shortNames: type.shortNames }),
      ...(type.categories.length > 0 && { categories: type.categories }),
      ...(subresources.length > 0 && { subresources }),
    };
  }

  /** Each group but the core one, with its versions in order of preference. */
  #groups(): readonly (readonly GroupVersion[])[] {
    const groups = new Map<string, GroupVersion[]>();
    for (const gv of groupVersions(this.#registry, this.#virtual)) {
      if (gv.group === '') continue;
      const versions = groups.get(gv.group);
      if (versions === undefined) groups.set(gv.group, [gv]);
      else versions.push(gv);
    }
    return [...groups.values()];
  }
}

function groupDocument(versions: readonly GroupVersion[]): object {
  const described = versions.map((gv) => ({ groupVersion: groupVersionName(gv), version: gv.version }));
  return { name: versions[0]?.group ?? '', versions: described, preferredVersion: described[0] };
}

/** A short name for the content of an answer, so that a client need not load again what it has. */
export function entityTag(body: Buffer): string {
  return `"${createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase()}"`;
}
