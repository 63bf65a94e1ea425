import type { Container, Probe } from '../../api/generated/types.ts';
import type { Runtime, PodStatus as RuntimePod } from '../runtimes/runtime.ts';
import { reach } from './address.ts';
import { execProbe } from './exec-probe.ts';
import { httpProbe } from './http-probe.ts';
import { failure, outcomeOf, type ProbeOutcome, success } from './outcome.ts';
import { tcpProbe } from './tcp-probe.ts';

/** P2: runs a probe once. It never throws: what goes wrong is what it found. */
export function runProbe(
  runtime: Runtime,
  podUid: string,
  pod: RuntimePod | undefined,
  container: Container,
  probe: Probe,
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  return outcomeOf(async () => {
    const { exec, httpGet, tcpSocket, grpc } = probe;
    if (exec) return execProbe(runtime, podUid, container.name, exec.command ?? [], signal);
    const action = httpGet ?? tcpSocket ?? grpc;
    if (!action) return success();
    const to = reach(pod, container, action);
    if ('unreachable' in to) return failure(to.unreachable);
    if (httpGet) return httpProbe(httpGet, to, signal);
    if (tcpSocket) return tcpProbe(to, signal);
    const { grpcProbe } = await import('./grpc-probe.ts'); // HTTP/2 is loaded by whoever probes with it
    return grpcProbe(grpc?.service ?? '', to, signal);
  });
}
