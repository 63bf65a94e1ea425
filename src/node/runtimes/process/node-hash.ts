import { createHash } from 'node:crypto';

/** Eight letters that stand for a node's directory in names that are the whole machine's. */
export function shortHash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 8);
}
