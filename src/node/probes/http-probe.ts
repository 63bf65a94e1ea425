import http from 'node:http';
import https from 'node:https';

import type { HTTPGetAction } from '../../api/generated/types.ts';
import { failure, MAX_OUTPUT_BYTES, messageOf, type ProbeOutcome } from './outcome.ts';

/**
 * P2: GETs a page: success is a code from 200 to 399. Redirects are not followed (Kubernetes follows those that stay on
 * the host, and takes the others for a success with a warning). Certificates are not verified, as in Kubernetes.
 */
export function httpProbe(
  action: HTTPGetAction,
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { host, port } = address;
  const secure = action.scheme?.toUpperCase() === 'HTTPS';
  const path = escaped(action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`);
  const options = { host, port, path, method: 'GET', headers: headersOf(action, host, port), agent: false, signal };
  return new Promise((resolve) => {
    const onResponse = (response: http.IncomingMessage): void => {
      const code = response.statusCode ?? 0;
      const done = (): void => resolve(outcome(code));
      let sizeBytes = 0;
      response.on('data', (chunk: Buffer) => {
        sizeBytes += chunk.length;
        // Enough has been seen; a page without an end is no reason to wait.
        if (sizeBytes > MAX_OUTPUT_BYTES) response.destroy();
      });
      response.on('end', done);
      response.on('close', done);
      response.on('error', (error) => resolve(failure(messageOf(error))));
    };
    const request = secure
      ? https.request({ ...options, rejectUnauthorized: false }, onResponse)
      : http.request(options, onResponse);
    const url = `${secure ? 'https' : 'http'}://${host}:${port}${path}`;
    request.on('error', (error) => {
      const why = signal.aborted ? messageOf(signal.reason) : messageOf(error);
      resolve(failure(`Get "${url}": ${why}`));
    });
    request.end();
  });
}

function outcome(code: number): ProbeOutcome {
  return code >= 200 && code < 400
    ? { success: true, output: `HTTP ${code}` }
    : failure(`HTTP probe failed with statuscode: ${code}`);
}

/** What a request line cannot hold as it is (spaces, letters beyond ASCII) stands in it as its bytes. */
function escaped(path: string): string {
  const encode = (byte: number): string => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  return path.replace(/[^\x21-\x7e]+/g, (text) => [...Buffer.from(text)].map(encode).join(''));
}

function headersOf(action: HTTPGetAction, host: string, port: number): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {
    'user-agent': 'kube-probe/1.36',
    accept: '*/*',
    connection: 'close',
  };
  const given = new Map<string, string[]>();
  for (const { name, value } of action.httpHeaders ?? []) {
    const key = name.toLowerCase();
    given.set(key, [...(given.get(key) ?? []), value]);
  }
  for (const [name, values] of given) {
    const [first = '', ...more] = values.map((value) => Buffer.from(value).toString('latin1'));
    headers[name] = more.length === 0 ? first : [first, ...more];
  }
  headers.host ??= host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  return headers;
}
