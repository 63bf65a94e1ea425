import { apiError } from '../api/errors.ts';
import { isJsonObject } from './values.ts';

/** Where a list that is read in chunks goes on. */
export interface ContinueToken {
  /** The state the whole list shows; -1: the newest, whatever the chunks before showed. */
  readonly revision: number;
  /** The key of the last entry handed out, relative to the list's prefix. */
  readonly after: string;
}

/** The opaque text of a token. */
export function encodeContinue({ revision, after }: ContinueToken): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: after })).toString('base64url');
}

/** Throws `BadRequest` for a text that is not a token of ours. */
export function decodeContinue(text: string): ContinueToken {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
  } catch {
    parsed = undefined;
  }
  const { v, rv, start } = isJsonObject(parsed) ? parsed : {};
  if (v !== 'meta.k8s.io/v1' || !Number.isSafeInteger(rv) || typeof rv !== 'number' || typeof start !== 'string') {
    throw apiError('BadRequest', 'continue key is not valid: it is not one that a list has returned');
  }
  if (start === '')
    throw apiError('BadRequest', 'continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  return { revision: rv, after: start };
}
