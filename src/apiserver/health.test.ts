import { describe, expect, test } from 'vitest';

import { HealthChecks } from './health.ts';

const ask = (url: string, ready: boolean | string = true) => {
  const [path = '', query] = url.split('?');
  return new HealthChecks(() => ready).answer(path, new URLSearchParams(query));
};

describe('health', () => {
  test.each(['/healthz', '/livez', '/readyz', '/readyz/', '/livez/ping', '/readyz/cluster'])('%s is ok', (path) => {
    expect(ask(path)).toEqual({ code: 200, text: 'ok' });
  });

  test('lists its checks when asked', () => {
    expect(ask('/readyz?verbose')).toEqual({ code: 200, text: '[+]ping ok\n[+]cluster ok\nreadyz check passed\n' });
    expect(ask('/healthz?verbose=1')?.text).toBe('[+]ping ok\nhealthz check passed\n');
  });

  test('tells what is missing, and is alive all the same', () => {
    expect(ask('/readyz', 'no node is ready')).toEqual({
      code: 500,
      text: '[+]ping ok\n[-]cluster failed: no node is ready\nreadyz check failed\n',
    });
    expect(ask('/readyz', false)?.text).toContain('[-]cluster failed: not ready yet');
    expect(ask('/readyz/cluster', 'no node')).toEqual({ code: 500, text: 'internal server error: cluster: no node\n' });
    expect(ask('/readyz/ping', false)?.code).toBe(200);
    expect(ask('/livez', false)?.code).toBe(200);
  });

  test('leaves checks out', () => {
    expect(ask('/readyz?exclude=cluster&verbose', false)).toEqual({
      code: 200,
      text: '[+]ping ok\n[+]cluster excluded: ok\nreadyz check passed\n',
    });
    expect(ask('/livez?exclude=moon&verbose')?.text).toContain('cannot be excluded: no matches for "moon"');
  });

  test('knows nothing of other checks and paths', () => {
    expect(ask('/readyz/moon')?.code).toBe(404);
    for (const path of ['/', '/healthzz', '/readyz/ping/more', '/version']) expect(ask(path)).toBeUndefined();
  });
});
