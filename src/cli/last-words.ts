import type { ContainerStatus, Pod } from '../api/generated/types.ts';
import { Pods } from '../api/kinds.ts';
import { objectPath } from '../client/http-client.ts';
import type { Session } from './connect.ts';
import { textOf } from './stream-lines.ts';
import { clip } from './view/wrap.ts';

/** Looked at of the log of a program that has failed. */
const LAST_LINES = 40;
const MOST_BYTES = 2 ** 20;
/** What programs of all kinds call an error. What comes after it is where it happened. */
const ERROR_LINE = /\b(error|exception|fatal|panic)\b[^a-z]{0,3}:|\b(in use|denied|no such file)\b/i;

/** What a container said of its failure in the trouble since `sinceMs`, as its exit code says nothing. */
export async function lastWords(
  { connection }: Session,
  { metadata }: Pod,
  { name, state, lastState }: ContainerStatus,
  sinceMs: number,
): Promise<readonly string[]> {
  const ended = state?.terminated ?? lastState?.terminated;
  if (ended === undefined || ended.exitCode === 0 || ended.message) return [];
  const isEarlier = Date.parse(ended.finishedAt ?? '') < sinceMs - 1000;
  // A container that waits for something else does not wait because of its last run.
  if (isEarlier || (state?.waiting && state.waiting.reason !== 'CrashLoopBackOff')) return [];
  const key = { namespace: metadata.namespace ?? 'default', name: metadata.name };
  const again = state?.running !== undefined;
  const part = { tailLines: String(LAST_LINES), limitBytes: String(MOST_BYTES) };
  const query = { container: name, ...part, ...(again && { previous: 'true' }) };
  let text = '';
  try {
    const log = await connection.stream('GET', objectPath(Pods, key, 'log'), { query });
    for await (const piece of textOf(log)) text += piece;
  } catch {
    return []; // its node is away, or it runs again
  }
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const words = lines.findLast((line) => ERROR_LINE.test(line)) ?? lines.at(-1);
  return words === undefined ? [] : [`  its log says: ${clip(words.trim(), 200)}`];
}
