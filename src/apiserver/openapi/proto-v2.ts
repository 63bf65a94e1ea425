import type { Json } from './schemas.ts';

/**
 * The OpenAPI version 2 document in protobuf, the only form in which older clients read it. The messages are those of
 * `openapi.v2` (gnostic); only what our documents use is here.
 */

type FieldKind =
  | { readonly as: 'string' | 'bool' }
  | { readonly as: 'strings' }
  | { readonly as: 'message' | 'messages'; readonly of: () => Message }
  /** A JSON map: a list of name and value. */
  | { readonly as: 'named'; readonly number: number; readonly of: () => Message };

type Message = (value: Json) => Buffer;

/** Fields by the name they have in JSON: number in the message, and kind. */
type Fields = Readonly<Record<string, readonly [number: number, kind: FieldKind]>>;

const text: FieldKind = { as: 'string' };
const flag: FieldKind = { as: 'bool' };
const texts: FieldKind = { as: 'strings' };
const one = (of: () => Message): FieldKind => ({ as: 'message', of });
const many = (of: () => Message): FieldKind => ({ as: 'messages', of });
const named = (of: () => Message, number = 1): FieldKind => ({ as: 'named', number, of });

const VARINT = 0;
const BYTES = 2;

function varint(value: number): readonly number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x7f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return bytes;
}

function chunk(number: number, content: Buffer): readonly Buffer[] {
  return [Buffer.from([...varint((number << 3) | BYTES), ...varint(content.length)]), content];
}

function encodeField(number: number, kind: FieldKind, value: unknown): readonly Buffer[] {
  switch (kind.as) {
    case 'string':
      return value === '' ? [] : chunk(number, Buffer.from(String(value)));
    case 'bool':
      return value === true ? [Buffer.from([...varint((number << 3) | VARINT), 1])] : [];
    case 'strings':
      return (value as readonly string[]).flatMap((item) => chunk(number, Buffer.from(item)));
    case 'message':
      return chunk(number, kind.of()(value as Json));
    case 'messages':
      return (value as readonly Json[]).flatMap((item) => chunk(number, kind.of()(item)));
    case 'named': {
      const entries = Object.entries(value as Json).flatMap(([name, item]) =>
        chunk(kind.number, Buffer.concat([...chunk(1, Buffer.from(name)), ...chunk(2, kind.of()(item as Json))])),
      );
      return chunk(number, Buffer.concat(entries));
    }
  }
}

/** A message whose fields are given; keys that begin with `x-` are its extensions, in the field `extensions`. */
function message(fields: Fields, extensions?: number): Message {
  return (value) => {
    const parts: Buffer[] = [];
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      const field = fields[key];
      if (field !== undefined) parts.push(...encodeField(field[0], field[1], member));
      else if (extensions !== undefined && key.startsWith('x-')) {
        parts.push(...chunk(extensions, extension(key, member)));
      }
    }
    return Buffer.concat(parts);
  };
}

/** An extension's value is kept as YAML, of which JSON is a part. */
function extension(name: string, value: unknown): Buffer {
  const any = Buffer.concat(chunk(2, Buffer.from(`${JSON.stringify(value)}\n`)));
  return Buffer.concat([...chunk(1, Buffer.from(name)), ...chunk(2, any)]);
}

const schema: Message = (value) => schemaMessage(value);
const additionalProperties: Message = (value) => Buffer.concat(chunk(1, schema(value)));
const items: Message = (value) => Buffer.concat(chunk(1, schema(value)));
/** The type of a schema is a list of one. */
const typeItem: Message = (value) => Buffer.concat(chunk(1, Buffer.from(String(value))));

const schemaMessage = message(
  {
    $ref: [1, text],
    format: [2, text],
    title: [3, text],
    description: [4, text],
    required: [19, texts],
    additionalProperties: [21, one(() => additionalProperties)],
    type: [22, one(() => typeItem)],
    items: [23, one(() => items)],
    properties: [25, named(() => schema)],
  },
  31,
);

const PARAMETER: Fields = { required: [1, flag], in: [2, text], description: [3, text], name: [4, text] };
const queryParameter = message({ ...PARAMETER, type: [6, text], uniqueItems: [20, flag] });
const pathParameter = message({ ...PARAMETER, type: [5, text], uniqueItems: [19, flag] });
const bodyParameter = message({
  description: [1, text],
  name: [2, text],
  in: [3, text],
  required: [4, flag],
  schema: [5, one(() => schema)],
});

/** ParametersItem > Parameter > BodyParameter, or NonBodyParameter > its kind. */
const parameter: Message = (value) => {
  const inner =
    value.in === 'body'
      ? chunk(1, bodyParameter(value))
      : chunk(2, Buffer.concat(value.in === 'path' ? chunk(4, pathParameter(value)) : chunk(3, queryParameter(value))));
  return Buffer.concat(chunk(1, Buffer.concat(inner)));
};

const schemaItem: Message = (value) => Buffer.concat(chunk(1, schema(value)));
const response = message({ description: [1, text], schema: [2, one(() => schemaItem)] });
const responseValue: Message = (value) => Buffer.concat(chunk(1, response(value)));

const operation = message(
  {
    tags: [1, texts],
    description: [3, text],
    operationId: [5, text],
    produces: [6, texts],
    consumes: [7, texts],
    parameters: [8, many(() => parameter)],
    responses: [9, named(() => responseValue)],
  },
  13,
);

const pathItem = message({
  get: [2, one(() => operation)],
  put: [3, one(() => operation)],
  post: [4, one(() => operation)],
  delete: [5, one(() => operation)],
  patch: [8, one(() => operation)],
  parameters: [9, many(() => parameter)],
});

const info = message({ title: [1, text], version: [2, text] });

const document = message({
  swagger: [1, text],
  info: [2, one(() => info)],
  paths: [8, named(() => pathItem, 2)],
  definitions: [9, named(() => schema)],
});

/** The document in protobuf. */
export function encodeOpenApiV2(value: Json): Buffer {
  return document(value);
}
