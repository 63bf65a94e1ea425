import { describe } from '../../api/descriptions.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { FieldType, ObjectType, ScalarName, SchemaType } from '../../api/schema-types.ts';
import { objectType } from '../../api/schema-types.ts';
import { customSchema } from './custom-schema.ts';
import { documentName } from './type-names.ts';

/** A JSON schema as a document holds it. */
export type Json = Readonly<Record<string, unknown>>;

/** Version 2 (Swagger) and version 3 say some things differently. */
export type OpenApiVersion = 2 | 3;

interface NamedScalar {
  readonly name: string;
  readonly schema: (version: OpenApiVersion) => Json;
}

/** Plain values that Kubernetes has a name for. */
const NAMED_SCALARS: Partial<Readonly<Record<ScalarName, NamedScalar>>> = {
  'date-time': {
    name: 'io.k8s.apimachinery.pkg.apis.meta.v1.Time',
    schema: () => ({ type: 'string', format: 'date-time', description: 'A time as RFC 3339 writes it, in seconds.' }),
  },
  'micro-time': {
    name: 'io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime',
    schema: () => ({ type: 'string', format: 'date-time', description: 'A time with microseconds.' }),
  },
  quantity: {
    name: 'io.k8s.apimachinery.pkg.api.resource.Quantity',
    schema: (version) => ({
      description: 'An amount: 500m, 1.5, 2Gi. The server writes it in its canonical form.',
      ...(version === 3 ? { oneOf: [{ type: 'string' }, { type: 'number' }] } : { type: 'string' }),
    }),
  },
  'int-or-string': {
    name: 'io.k8s.apimachinery.pkg.util.intstr.IntOrString',
    schema: (version) => ({
      description: 'A number, or a string such as a percentage or the name of a port.',
      ...(version === 3
        ? { format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] }
        : { type: 'string', format: 'int-or-string' }),
    }),
  },
};

/** Fields that hold JSON of any shape, by what they hold. */
const RAW_TYPES: Readonly<Record<string, string>> = {
  'ManagedFieldsEntry.fieldsV1': 'io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1',
  'ControllerRevision.data': 'io.k8s.apimachinery.pkg.runtime.RawExtension',
};

/**
 * Collects the schemas of one document: what is referred to is added, with everything it refers to. Names are those of
 * Kubernetes' own documents.
 */
export class SchemaCollector {
  readonly #version: OpenApiVersion;
  readonly #prefix: string;
  readonly #schemas = new Map<string, Json>();

  constructor(version: OpenApiVersion) {
    this.#version = version;
    this.#prefix = version === 3 ? '#/components/schemas/' : '#/definitions/';
  }

  /** In alphabetical order. */
  get schemas(): Json {
    return Object.fromEntries([...this.#schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** The schema of a kind and of its list, marked as such. */
  addKind(type: ResourceType): void {
    const { group, version, kind } = type;
    const name = nameOf(type);
    if (type.custom === undefined) this.#addObject(type.schema);
    else this.#schemas.set(name, customSchema(type, this.#version, this.refer('ObjectMeta')));
    this.#mark(name, [{ group, version, kind }]);
    this.#schemas.set(`${name}List`, {
      type: 'object',
      description: `${kind}List is a list of ${type.plural}.`,
      required: ['items'],
      properties: {
        apiVersion: this.#text('Pod', 'apiVersion'),
        items: { type: 'array', description: `The ${type.plural}.`, items: this.#referTo(name) },
        kind: this.#text('Pod', 'kind'),
        metadata: this.#member(this.refer('ListMeta'), 'Where the list ends, and what version it is of.'),
      },
      'x-kubernetes-group-version-kind': [{ group, version, kind: type.listKind ?? `${kind}List` }],
    });
  }

  /** Adds a type that is not a stored kind, and says which kinds it stands for. */
  addMarked(schema: string, kinds: readonly Json[]): void {
    this.#addObject(schema);
    this.#mark(documentName(schema), kinds);
  }

  /** A reference to a kind that was added. */
  kind(type: ResourceType): Json {
    return this.#referTo(nameOf(type));
  }

  /** A reference to a type, which is added. */
  refer(schema: string): Json {
    this.#addObject(schema);
    return this.#referTo(documentName(schema));
  }

  listOf(type: ResourceType): Json {
    return this.#referTo(`${nameOf(type)}List`);
  }

  #mark(name: string, kinds: readonly Json[]): void {
    this.#schemas.set(name, { ...this.#schemas.get(name), 'x-kubernetes-group-version-kind': kinds });
  }

  #referTo(name: string): Json {
    return { $ref: `${this.#prefix}${name}` };
  }

  #text(schema: string, field: string): Json {
    return { type: 'string', description: describe(schema, field) };
  }

  #addObject(schema: string): void {
    const name = documentName(schema);
    if (this.#schemas.has(name)) return;
    // Held before its fields are read: types refer to themselves.
    this.#schemas.set(name, {});
    const type = objectType(schema);
    const properties: Record<string, Json> = {};
    for (const field of type.fields.values()) properties[field.name] = this.#property(type, field);
    this.#schemas.set(name, {
      description: describe(schema),
      type: 'object',
      ...(type.required.length > 0 && { required: type.required }),
      properties,
      ...(type.atomic && { 'x-kubernetes-map-type': 'atomic' }),
    });
  }

  #property(owner: ObjectType, field: FieldType): Json {
    const raw = RAW_TYPES[`${owner.name}.${field.name}`];
    const schema = raw === undefined ? this.#schema(field.type) : this.#named(raw, { type: 'object' });
    return { ...this.#member(schema, describe(owner.name, field.name)), ...extensionsOf(field) };
  }

  /** A schema with a description of its own. Version 3 allows none beside a reference. */
  #member(schema: Json, description: string): Json {
    const text = description === '' ? {} : { description };
    return '$ref' in schema && this.#version === 3 ? { ...text, allOf: [schema] } : { ...text, ...schema };
  }

  #schema(type: SchemaType): Json {
    switch (type.is) {
      case 'scalar':
        return this.#scalar(type.scalar);
      case 'object':
        return this.refer(type.name);
      case 'list':
        return { type: 'array', items: this.#schema(type.item) };
      case 'map':
        return { type: 'object', additionalProperties: this.#schema(type.value) };
    }
  }

  #scalar(scalar: ScalarName): Json {
    const named = NAMED_SCALARS[scalar];
    if (named !== undefined) return this.#named(named.name, named.schema(this.#version));
    switch (scalar) {
      case 'int32':
      case 'int64':
        return { type: 'integer', format: scalar };
      case 'double':
        return { type: 'number', format: scalar };
      case 'byte':
        return { type: 'string', format: scalar };
      case 'boolean':
        return { type: 'boolean' };
      case 'schema-or-bool':
      case 'any':
        // Not even an object: older clients check the values of a manifest against this.
        return {};
      default:
        return { type: 'string' };
    }
  }

  #named(name: string, schema: Json): Json {
    if (!this.#schemas.has(name)) this.#schemas.set(name, schema);
    return this.#referTo(name);
  }
}

/** Custom kinds have the name they have in documents. */
const nameOf = (type: ResourceType): string => (type.custom === undefined ? documentName(type.schema) : type.schema);

/** How a list or map is shared and merged. */
function extensionsOf({ type, patch }: FieldType): Json {
  switch (type.is) {
    case 'scalar':
      return {};
    case 'object':
      return patch === 'merge' ? {} : { 'x-kubernetes-patch-strategy': patch };
    case 'map':
      return type.atomic ? { 'x-kubernetes-map-type': 'atomic' } : {};
    case 'list': {
      const { type: listType, keys, mergeKey, retainKeys } = type.extension;
      return {
        'x-kubernetes-list-type': listType,
        ...(keys.length > 0 && { 'x-kubernetes-list-map-keys': keys }),
        ...(mergeKey !== undefined && {
          'x-kubernetes-patch-strategy': retainKeys === true ? 'merge,retainKeys' : 'merge',
        }),
        ...(mergeKey !== undefined && mergeKey !== '' && { 'x-kubernetes-patch-merge-key': mergeKey }),
      };
    }
  }
}
