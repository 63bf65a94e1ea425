import type { ResourceType } from '../../api/resource-type.ts';
import type { Json, OpenApiVersion, SchemaCollector } from './schemas.ts';

/** A route below an object, in the words of its document. */
export interface SubresourceShape {
  readonly name: string;
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** `create`, `get`, `patch`, `update` */
  readonly verbs: readonly string[];
}

interface Parameter {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'boolean';
  readonly description: string;
}

const PRETTY: Parameter = { name: 'pretty', type: 'string', description: 'Written to be read by people, if true.' };
const WRITE: readonly Parameter[] = [
  {
    name: 'dryRun',
    type: 'string',
    description: 'With All, everything is checked and answered as if it were done, and nothing is stored.',
  },
  { name: 'fieldManager', type: 'string', description: 'Who makes the change, for the owners of fields.' },
  {
    name: 'fieldValidation',
    type: 'string',
    description: 'What unknown and repeated fields are: an error (Strict), a warning (Warn), nothing (Ignore).',
  },
];
const FORCE: Parameter = {
  name: 'force',
  type: 'boolean',
  description: 'Of an applied configuration: take over fields that others own.',
};
const LIST: readonly Parameter[] = [
  {
    name: 'allowWatchBookmarks',
    type: 'boolean',
    description: 'Also say from time to time which version was reached.',
  },
  { name: 'continue', type: 'string', description: 'Where the chunk before ended.' },
  { name: 'fieldSelector', type: 'string', description: 'Only objects with these fields.' },
  { name: 'labelSelector', type: 'string', description: 'Only objects with these labels.' },
  { name: 'limit', type: 'integer', description: 'The most objects in one answer.' },
  { name: 'resourceVersion', type: 'string', description: 'The version to read, or to watch from.' },
  { name: 'resourceVersionMatch', type: 'string', description: 'How the version is meant: Exact, NotOlderThan.' },
  { name: 'sendInitialEvents', type: 'boolean', description: 'Begin a watch with everything there is.' },
  { name: 'timeoutSeconds', type: 'integer', description: 'The longest that a request or watch may last.' },
  { name: 'watch', type: 'boolean', description: 'Go on with what changes.' },
];
const DELETE: readonly Parameter[] = [
  WRITE[0] ?? PRETTY,
  { name: 'gracePeriodSeconds', type: 'integer', description: 'How long the object may take to end.' },
  { name: 'orphanDependents', type: 'boolean', description: 'Old: use propagationPolicy.' },
  {
    name: 'propagationPolicy',
    type: 'string',
    description: 'What becomes of dependents: Orphan, Background, Foreground.',
  },
];

/** Not for custom kinds: clients look here for what they may send. */
const STRATEGIC = 'application/strategic-merge-patch+json';
const PATCH_TYPES = [
  'application/apply-patch+yaml',
  'application/json-patch+json',
  'application/merge-patch+json',
  STRATEGIC,
];
const JSON_TYPE = 'application/json';

/** Writes the paths of one document. */
export class PathWriter {
  readonly #version: OpenApiVersion;
  readonly #schemas: SchemaCollector;
  readonly paths: Record<string, Json> = {};

  constructor(version: OpenApiVersion, schemas: SchemaCollector) {
    this.#version = version;
    this.#schemas = schemas;
  }

  addResource(type: ResourceType, subresources: readonly SubresourceShape[]): void {
    const root = type.group === '' ? `/api/${type.version}` : `/apis/${type.group}/${type.version}`;
    const base = type.namespaced ? `${root}/namespaces/{namespace}` : root;
    const collection = `${base}/${type.plural}`;
    const object = this.#schemas.kind(type);
    const list = this.#schemas.listOf(type);
    const operation = this.#operations(type);
    this.paths[collection] = this.#item(type.namespaced ? ['namespace'] : [], {
      get: operation('list', 'list', LIST, list),
      post: operation('create', 'post', WRITE, object, object),
      delete: operation('deleteCollection', 'deletecollection', [...DELETE, ...LIST], this.#schemas.refer('Status')),
    });
    this.paths[`${collection}/{name}`] = this.#item(type.namespaced ? ['name', 'namespace'] : ['name'], {
      get: operation('read', 'get', [], object),
      put: operation('replace', 'put', WRITE, object, object),
      patch: operation('patch', 'patch', [...WRITE, FORCE], object, 'patch'),
      delete: operation('delete', 'delete', DELETE, this.#schemas.refer('Status')),
    });
    if (type.namespaced) {
      this.paths[`${root}/${type.plural}`] = this.#item([], {
        get: operation('listForAllNamespaces', 'list', LIST, list),
      });
    }
    for (const shape of subresources) this.#addSubresource(type, `${collection}/{name}`, shape);
  }

  #addSubresource(type: ResourceType, object: string, shape: SubresourceShape): void {
    const subject = { ...type, group: shape.group, version: shape.version, kind: shape.kind };
    const operation = this.#operations(subject, shape.name);
    const schema = shape.kind === type.kind ? this.#schemas.kind(type) : this.#schemas.refer(shape.kind);
    const verbs = new Set(shape.verbs);
    this.paths[`${object}/${shape.name}`] = this.#item(type.namespaced ? ['name', 'namespace'] : ['name'], {
      ...(verbs.has('get') && { get: operation('read', 'get', [], schema) }),
      ...(verbs.has('update') && { put: operation('replace', 'put', WRITE, schema, schema) }),
      ...(verbs.has('create') && { post: operation('create', 'post', WRITE, schema, schema) }),
      ...(verbs.has('patch') && { patch: operation('patch', 'patch', [...WRITE, FORCE], schema, 'patch') }),
    });
  }

  #item(pathParameters: readonly string[], operations: Json): Json {
    const parameters = pathParameters.map((name) => ({
      name,
      in: 'path',
      required: true,
      description: name === 'name' ? 'Of the object.' : 'Of the object: a namespace.',
      ...this.#typed({ type: 'string' }),
    }));
    return { parameters: [...parameters, this.#query(PRETTY)], ...operations };
  }

  #query({ name, type, description }: Parameter): Json {
    return { name, in: 'query', description, ...this.#typed({ type }) };
  }

  /** Version 3 has the type of a parameter in a schema. */
  #typed(schema: Json): Json {
    return this.#version === 3 ? { schema: { ...schema, uniqueItems: true } } : { ...schema, uniqueItems: true };
  }

  #operations({ group, version, kind, namespaced, custom }: ResourceType, subresource = '') {
    const patchTypes = custom === undefined ? PATCH_TYPES : PATCH_TYPES.filter((type) => type !== STRATEGIC);
    const prefix = group === '' ? 'Core' : title(group.split('.')[0] ?? group);
    const scope = namespaced ? 'Namespaced' : '';
    return (
      verb: string,
      action: string,
      parameters: readonly Parameter[],
      answer: Json,
      body?: Json | 'patch',
    ): Json => ({
      description: `${verb} ${kind}`,
      operationId: `${verb}${prefix}${title(version)}${scope}${kind}${title(subresource)}`,
      tags: [`${prefix.toLowerCase()}_${version}`],
      parameters: [...parameters.map((parameter) => this.#query(parameter)), ...this.#bodyParameter(body)],
      ...this.#requestBody(body, patchTypes),
      ...this.#responses(answer, body),
      'x-kubernetes-action': action,
      'x-kubernetes-group-version-kind': { group, version, kind },
    });
  }

  #bodyParameter(body: Json | 'patch' | undefined): readonly Json[] {
    if (this.#version === 3 || body === undefined) return [];
    return [{ name: 'body', in: 'body', required: true, schema: body === 'patch' ? { type: 'object' } : body }];
  }

  #requestBody(body: Json | 'patch' | undefined, patchTypes: readonly string[]): Json {
    if (body === undefined) return {};
    const types = body === 'patch' ? patchTypes : [JSON_TYPE];
    if (this.#version === 2) return { consumes: types };
    const schema = body === 'patch' ? { type: 'object' } : body;
    return { requestBody: { required: true, content: Object.fromEntries(types.map((type) => [type, { schema }])) } };
  }

  #responses(schema: Json, body: Json | 'patch' | undefined): Json {
    const answer = (description: string): Json =>
      this.#version === 3 ? { description, content: { [JSON_TYPE]: { schema } } } : { description, schema };
    return {
      ...(this.#version === 2 && { produces: [JSON_TYPE] }),
      responses: {
        200: answer('OK'),
        ...(body !== undefined && { 201: answer('Created') }),
        401: { description: 'Unauthorized' },
      },
    };
  }
}

const title = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
