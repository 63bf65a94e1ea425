import type { Container, LifecycleHandler, Pod } from '../../api/generated/types.ts';
import { type Clock, sleep } from '../../platform/clock.ts';
import { reach } from '../probes/address.ts';
import { execProbe } from '../probes/exec-probe.ts';
import { httpProbe } from '../probes/http-probe.ts';
import { failure, messageOf, outcomeOf, type ProbeOutcome, success } from '../probes/outcome.ts';
import { tcpProbe } from '../probes/tcp-probe.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import type { PodRecord } from './pod-record.ts';

/** P4, P5: what a container wants done just after it starts and just before it ends. */
export class LifecycleHooks {
  readonly #runtime: Runtime;
  readonly #clock: Clock;

  constructor(options: { readonly runtime: Runtime; readonly clock: Clock }) {
    this.#runtime = options.runtime;
    this.#clock = options.clock;
  }

  /** What went wrong, or undefined. It has no time limit of its own, as in Kubernetes. */
  async postStart(record: PodRecord, pod: Pod, container: Container): Promise<string | undefined> {
    const handler = container.lifecycle?.postStart;
    return handler && this.#run('PostStart', record, pod, container, handler, new AbortController().signal);
  }

  /** What went wrong, or undefined. Aborting ends it: its time is over. */
  async preStop(record: PodRecord, pod: Pod, container: Container, signal: AbortSignal): Promise<string | undefined> {
    const handler = container.lifecycle?.preStop;
    return handler && this.#run('PreStop', record, pod, container, handler, signal);
  }

  async #run(
    what: string,
    record: PodRecord,
    pod: Pod,
    container: Container,
    handler: LifecycleHandler,
    signal: AbortSignal,
  ): Promise<string | undefined> {
    const outcome = await outcomeOf(() => this.#outcome(record, pod, container, handler, signal));
    return outcome.success ? undefined : `${what}Hook failed: ${outcome.output}`;
  }

  async #outcome(
    record: PodRecord,
    pod: Pod,
    container: Container,
    handler: LifecycleHandler,
    signal: AbortSignal,
  ): Promise<ProbeOutcome> {
    if (handler.exec)
      return execProbe(this.#runtime, pod.metadata.uid, container.name, handler.exec.command ?? [], signal);
    if (handler.sleep) {
      return sleep(this.#clock, handler.sleep.seconds * 1000, signal).then(
        () => success(),
        (error) => failure(messageOf(error)),
      );
    }
    const action = handler.httpGet ?? handler.tcpSocket;
    if (!action) return success();
    const to = reach(record.runtime, container, action);
    if ('unreachable' in to) return failure(to.unreachable);
    return handler.httpGet ? httpProbe(handler.httpGet, to, signal) : tcpProbe(to, signal);
  }
}
