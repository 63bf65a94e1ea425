import type { Container, Probe } from '../../api/generated/types.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { portNumber } from './address.ts';
import { execProbe } from './exec-probe.ts';
import { grpcProbe } from './grpc-probe.ts';
import { httpProbe } from './http-probe.ts';
import { failure, type ProbeOutcome, success } from './outcome.ts';
import { tcpProbe } from './tcp-probe.ts';

/** P2: runs a probe once. It never throws: what goes wrong is what it found. */
export async function runProbe(
  runtime: Runtime,
  podUid: string,
  podIP: string | undefined,
  container: Container,
  probe: Probe,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec) return execProbe(runtime, podUid, container.name, exec.command ?? [], signal);
  const action = httpGet ?? tcpSocket ?? grpc;
  if (!action) return success();
  const host = ('host' in action ? action.host : undefined) || podIP;
  const port = portNumber(container, action.port);
  if (host === undefined) return failure('the pod has no address');
  if (port === undefined) return failure(`the container has no port named ${JSON.stringify(action.port)}`);
  if (httpGet) return httpProbe(httpGet, { host, port }, signal);
  if (tcpSocket) return tcpProbe({ host, port }, signal);
  return grpcProbe(grpc?.service ?? '', { host, port }, signal);
}
