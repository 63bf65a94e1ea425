import { createHash } from 'node:crypto';

import { schema } from '../../api/generated/schema.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import { PathWriter, type SubresourceShape } from './paths.ts';
import { encodeOpenApiV2 } from './proto-v2.ts';
import { type Json, type OpenApiVersion, SchemaCollector } from './schemas.ts';

/** What the documents describe. */
export interface OpenApiOptions {
  /** Every resource that is served now. Those whose schema is not known are left out. */
  readonly types: () => readonly ResourceType[];
  /** What is below the objects of a resource, without the byte streams. */
  readonly subresources: (type: ResourceType) => readonly SubresourceShape[];
  /** Of the API: `v1.36.0`. */
  readonly version: string;
}

/** An answer: bytes and their media type. */
export interface OpenApiAnswer {
  readonly body: Buffer;
  readonly contentType: string;
}

const JSON_TYPE = 'application/json';
const PROTO_V2 = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/**
 * The OpenAPI documents of the server: version 3, one for each group and version, and version 2, all in one, in JSON
 * and in protobuf. Each is made when it is first asked for, and made again when the served kinds have changed.
 */
export class OpenApiDocuments {
  readonly #options: OpenApiOptions;
  readonly #made = new Map<string, Buffer>();
  #types: readonly ResourceType[] = [];

  constructor(options: OpenApiOptions) {
    this.#options = options;
  }

  /**
   * The answer to a path below `/openapi`; undefined for one that is not there.
   *
   * @param path for example `/openapi/v3/apis/apps/v1`
   * @param accept the request's `Accept` header
   */
  answer(path: string, accept = ''): OpenApiAnswer | undefined {
    this.#forgetOld();
    const [, root, version, ...rest] = path.split('/');
    if (root !== 'openapi') return undefined;
    if (version === 'v2' && rest.length === 0) {
      return accept.includes('protobuf')
        ? { body: this.#once('v2 protobuf', () => encodeOpenApiV2(this.#v2())), contentType: PROTO_V2 }
        : { body: this.#once('v2', () => json(this.#v2())), contentType: JSON_TYPE };
    }
    if (version !== 'v3') return undefined;
    if (rest.length === 0) return { body: this.#once('v3', () => json(this.#index())), contentType: JSON_TYPE };
    const types = this.#byGroupVersion().get(rest.join('/'));
    if (types === undefined) return undefined;
    return { body: this.#groupVersion(rest.join('/'), types), contentType: JSON_TYPE };
  }

  /** Custom kinds come and go. */
  #forgetOld(): void {
    const types = this.#options.types();
    if (types.length === this.#types.length && types.every((type, index) => type === this.#types[index])) return;
    this.#types = types;
    this.#made.clear();
  }

  #once(key: string, make: () => Buffer): Buffer {
    let made = this.#made.get(key);
    if (made === undefined) {
      made = make();
      this.#made.set(key, made);
    }
    return made;
  }

  /** By path: `api/v1`, `apis/apps/v1`. */
  #byGroupVersion(): ReadonlyMap<string, readonly ResourceType[]> {
    const found = new Map<string, ResourceType[]>();
    for (const type of this.#types) {
      if (type.custom === undefined && !Object.hasOwn(schema, type.schema)) continue;
      const path = type.group === '' ? `api/${type.version}` : `apis/${type.group}/${type.version}`;
      const list = found.get(path) ?? [];
      list.push(type);
      found.set(path, list);
    }
    return found;
  }

  #index(): Json {
    const paths: Record<string, Json> = {};
    for (const [path, types] of this.#byGroupVersion()) {
      // Clients keep a document as long as its hash is the same.
      const hash = createHash('sha256').update(this.#groupVersion(path, types)).digest('hex').toUpperCase();
      paths[path] = { serverRelativeURL: `/openapi/v3/${path}?hash=${hash}` };
    }
    return { paths };
  }

  #groupVersion(path: string, types: readonly ResourceType[]): Buffer {
    return this.#once(`v3 ${path}`, () => {
      const { schemas, paths } = this.#parts(3, types);
      return json({ openapi: '3.0.0', info: this.#info(), paths, components: { schemas } });
    });
  }

  #v2(): Json {
    const types = [...this.#byGroupVersion().values()].flat();
    const { schemas, paths } = this.#parts(2, types);
    return { swagger: '2.0', info: this.#info(), paths, definitions: schemas };
  }

  #info(): Json {
    return { title: 'Kubernetes', version: this.#options.version };
  }

  #parts(version: OpenApiVersion, types: readonly ResourceType[]): { schemas: Json; paths: Json } {
    const collector = new SchemaCollector(version);
    const writer = new PathWriter(version, collector);
    for (const type of types) collector.addKind(type);
    // Bodies of deletions are options, whatever the group.
    const groups = [...new Set(types.map(({ group, version: of }) => `${group}/${of}`))];
    collector.addMarked(
      'DeleteOptions',
      groups.map((name) => {
        const [group = '', of = ''] = name.split('/');
        return { group, version: of, kind: 'DeleteOptions' };
      }),
    );
    collector.addMarked('Status', [{ group: '', version: 'v1', kind: 'Status' }]);
    for (const type of types) {
      const shapes = this.#options
        .subresources(type)
        .filter(({ kind }) => kind === type.kind || Object.hasOwn(schema, kind));
      for (const shape of shapes) {
        if (shape.kind === type.kind) continue;
        const { group, version: of, kind } = shape;
        collector.addMarked(kind, [{ group, version: of, kind }]);
      }
      writer.addResource(type, shapes);
    }
    return { schemas: collector.schemas, paths: writer.paths };
  }
}

function json(document: Json): Buffer {
  return Buffer.from(JSON.stringify(document));
}
