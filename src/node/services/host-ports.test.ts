import { describe, expect, test } from 'vitest';

import type { ContainerPort, Pod } from '../../api/generated/types.ts';
import { PORTS_ANNOTATION } from '../../api/pod-ports.ts';
import { hostPorts } from './host-ports.ts';

function pod(name: string, ports: readonly ContainerPort[], more: Partial<Pod['spec']> = {}, startTime = '1'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '' },
    spec: { containers: [{ name: 'main', ports }], ...more },
    status: { phase: 'Running', podIP: '10.1.1.1', startTime },
  };
}

describe('P10 a host port', () => {
  test('leads to its pod, on every address of the machine or on the one asked for', () => {
    const asked = pod('db', [
      { containerPort: 80, hostPort: 8080 },
      { containerPort: 53, hostPort: 5353, hostIP: '127.0.0.1', protocol: 'UDP' },
      { containerPort: 81 },
    ]);
    expect(hostPorts([asked])).toEqual({
      ports: [
        expect.objectContaining({
          name: 'pod default/db:8080',
          protocol: 'TCP',
          addresses: [],
          nodePort: 8080,
          targets: [{ address: '10.1.1.1', port: 80 }],
        }),
        expect.objectContaining({ protocol: 'UDP', addresses: ['127.0.0.1'], port: 5353, nodePort: undefined }),
      ],
      unreachable: [],
    });
  });

  test('leads to where the port really is, when pods share an address', () => {
    const shared = pod('db', [{ containerPort: 80, hostPort: 8080 }]);
    const metadata = { ...shared.metadata, annotations: { [PORTS_ANNOTATION]: '80=20481' } };
    expect(hostPorts([{ ...shared, metadata }]).ports[0]?.targets).toEqual([{ address: '10.1.1.1', port: 20_481 }]);
  });

  test('is of the pod that was started first when two nodes of the machine have given it away', () => {
    const ports = [{ containerPort: 80, hostPort: 8080 }];
    const { ports: found, unreachable } = hostPorts([pod('late', ports, {}, '2'), pod('early', ports, {}, '1')]);
    expect(found.map(({ name }) => name)).toEqual(['pod default/early:8080']);
    expect(unreachable).toEqual([
      { name: 'pod default/late:8080', message: expect.stringContaining('it leads to pod default/early') },
    ]);
  });

  test('is nothing for pods in the network of the machine, that have no address yet, or are over', () => {
    const ports = [{ containerPort: 8080, hostPort: 8080 }];
    const over = { ...pod('over', ports), status: { phase: 'Failed', podIP: '10.1.1.1' } };
    const early = { ...pod('early', ports), status: { phase: 'Pending' } };
    expect(hostPorts([pod('open', ports, { hostNetwork: true }), over, early]).ports).toEqual([]);
  });

  test('says what it is not passed on as', () => {
    const { unreachable } = hostPorts([pod('db', [{ containerPort: 80, hostPort: 8080, protocol: 'SCTP' }])]);
    expect(unreachable).toEqual([
      {
        name: 'pod default/db:8080',
        message: 'host port 8080/SCTP does not lead here: only TCP and UDP over IPv4 are passed on',
      },
    ]);
  });
});
