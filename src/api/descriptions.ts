import { createRequire } from 'node:module';

import { schema } from './generated/schema.ts';

type Descriptions = Readonly<Record<string, Readonly<Record<string, string>>>>;

let loaded: Descriptions | undefined;

/**
 * What Kubernetes says of a type of the schema, or of one of its fields; empty when it says nothing. The texts are
 * read when first asked for: most runs never do.
 */
export function describe(type: string, field = ''): string {
  loaded ??= createRequire(import.meta.url)('./generated/descriptions.json') as Descriptions;
  const own = loaded[type]?.[field];
  if (own !== undefined) return own;
  // A field that only refers to a type has no text of its own: the type's says what it is.
  const referred = /[A-Z]\w*/.exec(schema[type]?.[field] ?? '')?.[0];
  return referred === undefined ? '' : (loaded[referred]?.[''] ?? '');
}
