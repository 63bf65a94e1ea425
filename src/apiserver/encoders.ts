import type { IncomingMessage } from 'node:http';

import type { TableLayout } from '../api/columns.ts';
import { apiError } from '../api/errors.ts';
import type { ResourceType } from '../api/resource-type.ts';
import { negotiate } from './media-types.ts';
import { type Encoder, metadataEncoder, plainEncoder } from './representations.ts';
import { isWatch } from './request-options.ts';
import type { RequestTarget } from './request-target.ts';
import { type IncludeObject, tableEncoder } from './tables.ts';

/** The ways to write an answer: one encoder for each, so that watchers of the same thing share bytes. */
export class Encoders {
  readonly #tables: Readonly<Record<IncludeObject, Encoder>>;

  /** `now`: milliseconds since the epoch, for ages. */
  constructor(layoutOf: (type: ResourceType) => TableLayout, now: () => number) {
    this.#tables = {
      None: tableEncoder(layoutOf, 'None', now),
      Metadata: tableEncoder(layoutOf, 'Metadata', now),
      Object: tableEncoder(layoutOf, 'Object', now),
    };
  }

  /** The one that the client likes best. Throws `NotAcceptable` when it likes none. */
  choose({ headers }: IncomingMessage, target: RequestTarget): Encoder | Promise<Encoder> {
    const accepted = negotiate(headers.accept);
    if (accepted === undefined) {
      throw apiError(
        'NotAcceptable',
        'only the following media types are accepted: application/json, application/yaml, application/json;as=Table;g=meta.k8s.io;v=v1, application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
      );
    }
    const encoder = this.#json(accepted.representation, target.query);
    // A watch is lines of JSON in any case.
    if (accepted.format === 'json' || isWatch(target)) return encoder;
    return import('./yaml-encoder.ts').then(({ yamlEncoder }) => yamlEncoder(encoder));
  }

  #json(representation: string, query: URLSearchParams): Encoder {
    switch (representation) {
      case 'table':
        return this.#tables[includeObject(query.get('includeObject'))];
      case 'metadata':
        return metadataEncoder;
      default:
        return plainEncoder;
    }
  }
}

function includeObject(value: string | null): IncludeObject {
  switch (value) {
    case null:
    case '':
    case 'Metadata':
      return 'Metadata';
    case 'None':
    case 'Object':
      return value;
    default:
      throw apiError('BadRequest', `unrecognized includeObject value: ${JSON.stringify(value)}`);
  }
}
