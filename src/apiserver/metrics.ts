import type { Registry as ProcessMetrics } from 'prom-client';

import type { QueueStatistics } from '../client/work-queue.ts';
import { BUCKETS, Histogram } from '../platform/histogram.ts';

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
  /** The queues of the controllers, by name. */
  readonly queues: ReadonlyMap<string, QueueStatistics>;
}

/** What the server counts, in the Prometheus text format, under the names of Kubernetes where it has some. */
export class ServerMetrics {
  readonly #requests = new Map<string, number>();
  readonly #times = new Map<string, Histogram>();
  #process: ProcessMetrics | undefined;

  /** A request was answered, `seconds` after it came; without, what it opened (a watch, a stream) has ended. */
  count({ verb, group, resource, subresource, code }: CountedRequest, seconds?: number): void {
    const what = `verb="${verb}",group="${group}",resource="${resource}",subresource="${subresource}"`;
    const key = `${what},code="${code}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
    if (seconds === undefined) return;
    let times = this.#times.get(what);
    if (times === undefined) {
      times = new Histogram();
      this.#times.set(what, times);
    }
    times.add(seconds);
  }

  async text(now: Current): Promise<{ readonly contentType: string; readonly body: string }> {
    // Most servers are never asked: the library is loaded when one is.
    this.#process ??= (await import('./process-metrics.ts')).processMetrics();
    const own = [
      ...family('apiserver_request_total', 'counter', 'Requests answered.', [...this.#requests]),
      ...histograms('apiserver_request_duration_seconds', 'How long requests took.', this.#times),
      ...single('apiserver_current_inflight_requests', 'gauge', 'Requests being answered.', now.inFlight),
      ...single('apiserver_longrunning_requests', 'gauge', 'Watches that are open.', now.watches),
      ...family(
        'apiserver_storage_objects',
        'gauge',
        'Objects stored.',
        [...now.objects].map(([resource, count]) => [labels({ resource }), count]),
      ),
      ...queueLines(now.queues),
      ...single('berth_store_revision', 'counter', 'Changes stored, ever.', now.revision),
    ];
    return { contentType: this.#process.contentType, body: `${own.join('\n')}\n${await this.#process.metrics()}` };
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

/** Each histogram of `series` under its labels. */
function histograms(name: string, help: string, series: Iterable<readonly [string, Histogram]>): readonly string[] {
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} histogram`];
  for (const [what, { counts, seconds }] of series) {
    let sum = 0;
    for (const [index, count] of counts.entries()) {
      sum += count;
      lines.push(`${name}_bucket{${what},le="${BUCKETS[index] ?? '+Inf'}"} ${sum}`);
    }
    lines.push(`${name}_sum{${what}} ${seconds}`, `${name}_count{${what}} ${sum}`);
  }
  return lines;
}

function queueLines(queues: Current['queues']): readonly string[] {
  const each = <V>(value: (queue: QueueStatistics) => V): readonly (readonly [string, V])[] =>
    [...queues].map(([name, queue]) => [labels({ name }), value(queue)]);
  return [
    ...family(
      'workqueue_depth',
      'gauge',
      'Keys that wait for their turn.',
      each(({ depth }) => depth),
    ),
    ...family(
      'workqueue_adds_total',
      'counter',
      'Keys that were added.',
      each(({ adds }) => adds),
    ),
    ...family(
      'workqueue_retries_total',
      'counter',
      'Keys that failed.',
      each(({ retries }) => retries),
    ),
    ...histograms(
      'workqueue_queue_duration_seconds',
      'How long keys waited.',
      each(({ waited }) => waited),
    ),
    ...histograms(
      'workqueue_work_duration_seconds',
      'How long keys were worked on.',
      each(({ worked }) => worked),
    ),
  ];
}
