import http2 from 'node:http2';

import { ProtobufError, readFields } from '../../platform/protobuf-fields.ts';
import { failure, messageOf, type ProbeOutcome, success } from './outcome.ts';

/** `grpc.health.v1.HealthCheckResponse.ServingStatus`. */
const SERVING_STATUSES = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const SERVING = 1;
/** More than a health answer ever is. */
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * P2: asks `grpc.health.v1.Health/Check`; success is SERVING. The two messages have one field each, so no library is
 * needed; fields that an answer has beyond it are left aside.
 */
export function grpcProbe(
  service: string,
  address: { readonly host: string; readonly port: number },
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { host, port } = address;
  return new Promise((resolve) => {
    const session = http2.connect(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
    const end = (outcome: ProbeOutcome): void => {
      signal.removeEventListener('abort', onAbort);
      session.destroy();
      resolve(outcome);
    };
    const onAbort = (): void => end(failure(`timeout: health rpc did not complete: ${messageOf(signal.reason)}`));
    const onError = (error: unknown): void => end(failure(`failed to connect to ${host}:${port}: ${messageOf(error)}`));
    session.on('error', onError);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });

    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
      'user-agent': 'kube-probe/1.36',
    });
    const chunks: Buffer[] = [];
    let sizeBytes = 0;
    let rpcStatus: string | undefined;
    let rpcMessage = '';
    const takeStatus = (headers: http2.IncomingHttpHeaders): void => {
      const status = headers['grpc-status'];
      if (typeof status === 'string') rpcStatus = status;
      const message = headers['grpc-message'];
      if (typeof message === 'string') rpcMessage = message;
    };
    stream.on('response', takeStatus);
    stream.on('trailers', takeStatus);
    stream.on('data', (chunk: Buffer) => {
      sizeBytes += chunk.length;
      if (sizeBytes > MAX_ANSWER_BYTES) return end(failure('the answer is too long'));
      chunks.push(chunk);
    });
    stream.on('error', onError);
    stream.on('end', () => {
      if (rpcStatus !== '0')
        return end(failure(`health rpc failed with status ${rpcStatus ?? 'unknown'}: ${rpcMessage}`));
      const status = servingStatus(Buffer.concat(chunks));
      if (status === undefined) return end(failure('the answer is no HealthCheckResponse'));
      const name = SERVING_STATUSES[status] ?? String(status);
      end(status === SERVING ? success(name) : failure(`service unhealthy (responded with "${name}")`));
    });
    stream.end(checkRequest(service));
  });
}

/** A gRPC frame (no compression, length) around `HealthCheckRequest { string service = 1 }`. */
function checkRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, ...varint(name.length)]), name]);
  const frame = Buffer.alloc(5);
  frame.writeUInt32BE(message.length, 1);
  return Buffer.concat([frame, message]);
}

function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/**
 * Field 1 of `HealthCheckResponse`, an enumeration; 0 when it is left out, undefined when the answer is not one whole
 * message without compression.
 */
function servingStatus(answer: Buffer): number | undefined {
  // Trailers alone are an answer without a message.
  if (answer.length === 0) return 0;
  if (answer.length < 5 || answer[0] !== 0 || answer.readUInt32BE(1) !== answer.length - 5) return undefined;
  try {
    let status = 0;
    for (const { number, value } of readFields(answer.subarray(5))) {
      if (number === 1 && typeof value === 'bigint') status = Number(value);
    }
    return status;
  } catch (error) {
    if (error instanceof ProtobufError) return undefined;
    throw error;
  }
}
