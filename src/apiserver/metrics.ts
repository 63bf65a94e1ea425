import type { Registry as ProcessMetrics } from 'prom-client';

/** A request as it is counted. Every text comes from a short list: what clients make up is not kept. */
export interface CountedRequest {
  /** `GET`, `LIST`, `WATCH`, `POST` ... */
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string;
  readonly code: number;
}

/** What is the case when somebody asks. */
export interface Current {
  readonly inFlight: number;
  readonly watches: number;
  /** The newest version: how many changes there have ever been. */
  readonly revision: number;
  /** How many objects there are of each resource. */
  readonly objects: ReadonlyMap<string, number>;
}

/** Upper ends of the buckets of times, in seconds. */
const BUCKETS = [0.001, 0.005, 0.025, 0.1, 0.5, 1, 5, 30] as const;

interface Times {
  /** How many were within each bucket and not within the one before; the last is beyond them all. */
  readonly counts: number[];
  seconds: number;
}

/** What the server counts, in the Prometheus text format, under the names of Kubernetes where it has some. */
export class ServerMetrics {
  readonly #requests = new Map<string, number>();
  readonly #times = new Map<string, Times>();
  #process: ProcessMetrics | undefined;

  /** A request was answered, `seconds` after it came; without, what it opened (a watch, a stream) has ended. */
  count({ verb, group, resource, subresource, code }: CountedRequest, seconds?: number): void {
    const what = labels({ verb, group, resource, subresource });
    const key = `${what},code="${code}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    if (seconds === undefined) return;
    let times = this.#times.get(what);
    if (times === undefined) {
      times = { counts: new Array<number>(BUCKETS.length + 1).fill(0), seconds: 0 };
      this.#times.set(what, times);
    }
    const bucket = BUCKETS.findIndex((upper) => seconds <= upper);
    const index = bucket < 0 ? BUCKETS.length : bucket;
    times.counts[index] = (times.counts[index] ?? 0) + 1;
    times.seconds += seconds;
  }

  async text(now: Current): Promise<{ readonly contentType: string; readonly body: string }> {
    // Most servers are never asked: the library is loaded when one is.
    this.#process ??= (await import('./process-metrics.ts')).processMetrics();
    const own = [
      ...family('apiserver_request_total', 'counter', 'Requests answered.', [...this.#requests]),
      ...this.#durations(),
      ...single('apiserver_current_inflight_requests', 'gauge', 'Requests being answered.', now.inFlight),
      ...single('apiserver_longrunning_requests', 'gauge', 'Watches that are open.', now.watches),
      ...family(
        'apiserver_storage_objects',
        'gauge',
        'Objects stored.',
        [...now.objects].map(([resource, count]) => [labels({ resource }), count]),
      ),
      ...single('berth_store_revision', 'counter', 'Changes stored, ever.', now.revision),
    ];
    return { contentType: this.#process.contentType, body: `${own.join('\n')}\n${await this.#process.metrics()}` };
  }

  #durations(): readonly string[] {
    const name = 'apiserver_request_duration_seconds';
    const lines = [`# HELP ${name} How long requests took.`, `# TYPE ${name} histogram`];
    for (const [what, { counts, seconds }] of this.#times) {
      let sum = 0;
      for (const [index, count] of counts.entries()) {
        sum += count;
        lines.push(`${name}_bucket{${what},le="${BUCKETS[index] ?? '+Inf'}"} ${sum}`);
      }
      lines.push(`${name}_sum{${what}} ${seconds}`, `${name}_count{${what}} ${sum}`);
    }
    return lines;
  }
}

function labels(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
}

function family(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  values: readonly (readonly [labels: string, value: number])[],
): readonly string[] {
  return [
    `# HELP ${name} ${help}`,
    `# TYPE ${name} ${type}`,
    ...values.map(([what, value]) => `${name}${what === '' ? '' : `{${what}}`} ${value}`),
  ];
}

const single = (name: string, type: 'counter' | 'gauge', help: string, value: number): readonly string[] =>
  family(name, type, help, [['', value]]);
