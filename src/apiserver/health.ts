/** What one check has found: fine, or why not. */
type Check = () => true | string;

export interface HealthAnswer {
  readonly code: number;
  readonly text: string;
}

const PATH = /^\/(healthz|livez|readyz)(?:\/([^/]*))?\/?$/;

/**
 * The answers at `/healthz`, `/livez` and `/readyz`, with the list of their checks for `?verbose` and when one fails,
 * without those of `?exclude=`, and for each check below them. `ready`: true once the cluster behind the API is ready, else
 * what is missing, or false.
 */
export class HealthChecks {
  readonly #checks: Readonly<Record<string, ReadonlyMap<string, Check>>>;

  constructor(ready: () => boolean | string) {
    const ping: readonly [string, Check] = ['ping', () => true];
    const cluster: readonly [string, Check] = ['cluster', () => asCheck(ready())];
    this.#checks = { healthz: new Map([ping]), livez: new Map([ping]), readyz: new Map([ping, cluster]) };
  }

  /** Undefined for a path that is not about health. */
  answer(path: string, query: URLSearchParams): HealthAnswer | undefined {
    const [, endpoint = '', name = ''] = PATH.exec(path) ?? [];
    const checks = this.#checks[endpoint];
    if (checks === undefined) return undefined;
    if (name === '') return summary(endpoint, checks, new Set(query.getAll('exclude')), query.has('verbose'));
    const check = checks.get(name);
    if (check === undefined) return { code: 404, text: '404 page not found\n' };
    const outcome = check();
    return outcome === true
      ? { code: 200, text: 'ok' }
      : { code: 500, text: `internal server error: ${name}: ${outcome}\n` };
  }
}

function asCheck(state: boolean | string): true | string {
  return state === false || state === '' ? 'not ready yet' : state;
}

function summary(
  endpoint: string,
  checks: ReadonlyMap<string, Check>,
  excluded: ReadonlySet<string>,
  verbose: boolean,
): HealthAnswer {
  let failed = false;
  const lines = [...checks].map(([name, check]) => {
    if (excluded.has(name)) return `[+]${name} excluded: ok`;
    const outcome = check();
    if (outcome === true) return `[+]${name} ok`;
    failed = true;
    return `[-]${name} failed: ${outcome}`;
  });
  const unknown = [...excluded].filter((name) => !checks.has(name)).map((name) => JSON.stringify(name));
  if (unknown.length > 0) {
    lines.push(`warn: some health checks cannot be excluded: no matches for ${unknown.join(',')}`);
  }
  const text = [...lines, `${endpoint} check ${failed ? 'failed' : 'passed'}`, ''].join('\n');
  if (failed) return { code: 500, text };
  return { code: 200, text: verbose ? text : 'ok' };
}
