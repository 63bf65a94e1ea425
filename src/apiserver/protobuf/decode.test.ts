import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { decodeProtobuf, ProtobufError } from './decode.ts';

const varint = (value: number | bigint): number[] => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return [...bytes, Number(rest)];
};
const number = (field: number, value: number | bigint): Buffer =>
  Buffer.from([...varint(field << 3), ...varint(value)]);
const bytes = (field: number, content: Buffer | string): Buffer => {
  const data = Buffer.from(content);
  return Buffer.concat([Buffer.from([...varint((field << 3) | 2), ...varint(data.length)]), data]);
};
const message = (field: number, ...parts: Buffer[]): Buffer => bytes(field, Buffer.concat(parts));
const body = (apiVersion: string, kind: string, ...parts: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from('k8s\0'), message(1, bytes(1, apiVersion), bytes(2, kind)), message(2, ...parts)]);

const metadata = (name: string): Buffer =>
  message(1, bytes(1, name), bytes(2, ''), message(8), message(11, bytes(1, 'app'), bytes(2, 'db')));

describe('a protobuf body', () => {
  test('becomes the object that JSON would be', () => {
    const pod = body(
      'v1',
      'Pod',
      metadata('p'),
      message(
        2,
        message(1, bytes(1, 'data'), message(2, message(2, bytes(1, '')))),
        message(
          2,
          bytes(1, 'main'),
          bytes(2, 'demo'),
          message(8, message(1, bytes(1, 'cpu'), message(2, bytes(1, '100m')))),
        ),
        number(4, 0),
        number(11, 0),
        number(5, 60),
      ),
    );
    expect(decodeProtobuf(pod)).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p', labels: { app: 'db' } },
      spec: {
        volumes: [{ name: 'data', emptyDir: {} }],
        containers: [{ name: 'main', image: 'demo', resources: { limits: { cpu: '100m' } } }],
        terminationGracePeriodSeconds: 0,
        activeDeadlineSeconds: 60,
      },
    });
  });

  test('carries times, bytes, ports by number or name, and negative numbers', () => {
    const secret = body(
      'v1',
      'Secret',
      message(1, bytes(1, 's'), message(8, number(1, 1_767_225_600))),
      message(2, bytes(1, 'a'), bytes(2, 'x')),
    );
    expect(decodeProtobuf(secret)).toMatchObject({
      metadata: { name: 's', creationTimestamp: '2026-01-01T00:00:00Z' },
      data: { a: Buffer.from('x').toString('base64') },
    });
    const port = (target: Buffer): Buffer => message(1, number(3, 80), target);
    const service = body(
      'v1',
      'Service',
      message(2, port(message(4, number(1, 0), number(2, 8080))), port(message(4, number(1, 1), bytes(3, 'web')))),
    );
    expect(decodeProtobuf(service)).toMatchObject({
      spec: {
        ports: [
          { port: 80, targetPort: 8080 },
          { port: 80, targetPort: 'web' },
        ],
      },
    });
    const set = body('apps/v1', 'StatefulSet', message(2, number(1, -1n)));
    expect(decodeProtobuf(set)).toMatchObject({ spec: { replicas: -1 } });
  });

  test('keeps a zero that is meant', () => {
    expect(decodeProtobuf(body('apps/v1', 'StatefulSet', message(2, number(1, 0), number(9, 0))))).toEqual({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      spec: { replicas: 0 },
    });
    const zero = Buffer.concat([number(1, 0), number(2, 0), bytes(3, '')]);
    const budget = body('policy/v1', 'PodDisruptionBudget', message(2, message(3, zero)), message(3, number(3, 0)));
    expect(decodeProtobuf(budget)).toMatchObject({ spec: { maxUnavailable: 0 }, status: { disruptionsAllowed: 0 } });
    const slice = body('discovery.k8s.io/v1', 'EndpointSlice', message(3, bytes(1, ''), number(3, 0)));
    expect(decodeProtobuf(slice)).toMatchObject({ ports: [{ name: '', port: 0 }] });
    const port = message(1, bytes(1, ''), number(3, 80), message(4, zero));
    expect(decodeProtobuf(body('v1', 'Service', message(2, port)))).toMatchObject({ spec: { ports: [{ port: 80 }] } });
    expect(JSON.stringify(decodeProtobuf(body('v1', 'Service', message(2, port))))).not.toMatch(/targetPort|name/);
  });

  test('keeps microseconds, and the uid that a token is bound to', () => {
    const lease = body(
      'coordination.k8s.io/v1',
      'Lease',
      message(2, message(4, number(1, 1_767_225_600), number(2, 4_005_999))),
    );
    expect(decodeProtobuf(lease)).toMatchObject({ spec: { renewTime: '2026-01-01T00:00:00.004005Z' } });
    const token = body(
      'authentication.k8s.io/v1',
      'TokenRequest',
      message(2, message(3, bytes(1, 'Pod'), bytes(4, 'u'))),
    );
    expect(decodeProtobuf(token)).toMatchObject({ spec: { boundObjectRef: { kind: 'Pod', uid: 'u' } } });
  });

  test('knows the fields of 1.36', () => {
    expect(decodeProtobuf(body('v1', 'Pod', message(2, bytes(41, 'other'))))).toMatchObject({
      spec: { hostnameOverride: 'other' },
    });
  });

  test('of options is options, whatever version it names', () => {
    expect(decodeProtobuf(body('policy/v1', 'DeleteOptions', number(1, 0), bytes(4, 'Orphan')))).toMatchObject({
      gracePeriodSeconds: 0,
      propagationPolicy: 'Orphan',
    });
  });

  test.each([
    ['JSON', Buffer.from('{}')],
    ['a kind that is not known', body('v1', 'Unicorn')],
    ['a field that is not known', body('v1', 'ConfigMap', bytes(99, 'x'))],
    ['half a body', body('v1', 'Pod', metadata('p')).subarray(0, -3)],
    ['a number where there should be a message', body('v1', 'Pod', number(1, 5))],
  ])('is refused when it is %s', (_what, given) => {
    expect(() => decodeProtobuf(given)).toThrow(ProtobufError);
  });

  test('of any bytes is decoded or refused, and nothing else', () => {
    const start = Buffer.concat([Buffer.from('k8s\0'), message(1, bytes(1, 'v1'), bytes(2, 'Pod'))]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        try {
          decodeProtobuf(Buffer.concat([start, bytes(2, Buffer.from(garbage))]));
        } catch (error) {
          expect(error instanceof ProtobufError || error instanceof SyntaxError).toBe(true);
        }
      }),
    );
  });
});
