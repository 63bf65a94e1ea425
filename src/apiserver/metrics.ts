/** What the server counts. Plain numbers: the library that prints them is loaded when somebody asks. */
export class ServerMetrics {
  readonly #requests = new Map<string, number>();

  /** A request was answered, or what it opened (a watch, a stream) has ended. */
  count(verb: string, resource: string, code: number): void {
    const key = `${verb} ${resource} ${code}`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  /** In the Prometheus text format, with what is the case now. */
  async text(now: {
    readonly inFlight: number;
    readonly watches: number;
  }): Promise<{ readonly contentType: string; readonly body: string }> {
    const { Counter, collectDefaultMetrics, Gauge, Registry } = await import('prom-client');
    const registry = new Registry();
    const registers = [registry];
    collectDefaultMetrics({ register: registry });
    const requests = new Counter({
      name: 'apiserver_request_total',
      help: 'Requests answered.',
      labelNames: ['verb', 'resource', 'code'],
      registers,
    });
    for (const [key, count] of this.#requests) {
      const [verb = '', resource = '', code = ''] = key.split(' ');
      requests.inc({ verb, resource, code }, count);
    }
    const gauge = (name: string, help: string, value: number): void => new Gauge({ name, help, registers }).set(value);
    gauge('apiserver_current_inflight_requests', 'Requests being answered.', now.inFlight);
    gauge('apiserver_longrunning_requests', 'Watches that are open.', now.watches);
    return { contentType: registry.contentType, body: await registry.metrics() };
  }
}
