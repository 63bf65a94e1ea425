import { apiError } from '../../api/errors.ts';
import type { LogOptions } from '../../client/pod-streams.ts';
import { flag } from '../request-options.ts';
import { chooseContainer, type PodTarget } from './pod-target.ts';
import type { StreamedAnswer } from './web-socket-answer.ts';

/** GET of a pod's `log`: what a container has written, as it wrote it. `begin` is called when there is something to say. */
export async function serveLog(
  { pod, streams }: PodTarget,
  query: URLSearchParams,
  begin: () => StreamedAnswer | Promise<StreamedAnswer>,
  nowMs: number,
): Promise<void> {
  const options = logOptions(query, chooseContainer(pod, query.get('container')), nowMs);
  const log = await streams.logs(pod, options);
  const response = await begin();
  if (response.destroyed) {
    log.destroy();
    return;
  }
  response.statusCode = 200;
  response.setHeader('Content-Type', 'text/plain');
  response.setHeader('Cache-Control', 'no-cache, private');
  response.flushHeaders();
  response.on('close', () => log.destroy());
  log.on('error', () => response.destroy());
  log.pipe(response);
}

function logOptions(query: URLSearchParams, container: string, nowMs: number): LogOptions {
  const tailLines = count(query, 'tailLines', 0);
  const limitBytes = count(query, 'limitBytes', 1);
  const sinceSeconds = count(query, 'sinceSeconds', 1);
  const sinceTime = query.get('sinceTime');
  if (sinceSeconds !== undefined && sinceTime !== null) {
    throw invalidOption('', 'Forbidden', 'at most one of `sinceTime` or `sinceSeconds` may be specified');
  }
  const stream = query.get('stream') ?? '';
  if (stream !== '' && stream !== 'All') {
    throw invalidOption('stream', 'Forbidden', 'may not be specified: what a container writes is kept as one log');
  }
  const sinceMs = sinceTime === null ? sinceSeconds && nowMs - sinceSeconds * 1000 : Date.parse(sinceTime);
  if (Number.isNaN(sinceMs)) throw apiError('BadRequest', `sinceTime: Invalid value: ${JSON.stringify(sinceTime)}`);
  return {
    container,
    follow: flag(query, 'follow'),
    previous: flag(query, 'previous'),
    timestamps: flag(query, 'timestamps'),
    ...(tailLines !== undefined && { tailLines }),
    ...(limitBytes !== undefined && { limitBytes }),
    ...(sinceMs !== undefined && { sinceMs }),
  };
}

function count(query: URLSearchParams, name: string, minimum: 0 | 1): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  if (!/^-?\d{1,15}$/.test(value)) {
    throw apiError('BadRequest', `${name}: Invalid value: ${JSON.stringify(value)}: must be a whole number`);
  }
  if (Number(value) >= minimum) return Number(value);
  const least = minimum === 0 ? 'greater than or equal to 0' : 'greater than 0';
  throw invalidOption(name, 'Invalid', `${value}: must be ${least}`);
}

function invalidOption(field: string, problem: 'Forbidden' | 'Invalid', why: string): Error {
  const message = problem === 'Invalid' ? `Invalid value: ${why}` : `Forbidden: ${why}`;
  const reason = `FieldValue${problem}` as const;
  return apiError('Invalid', `PodLogOptions "" is invalid: ${field}: ${message}`, {
    causes: [{ reason, message, field }],
  });
}
