import { describe, expect, test } from 'vitest';

import { parseTarget } from './request-target.ts';

const resource = (url: string) => parseTarget(url)?.resource;

describe('the path of a request names', () => {
  test.each([
    ['/api/v1/pods', { group: '', version: 'v1', plural: 'pods' }],
    ['/api/v1/pods/', { group: '', version: 'v1', plural: 'pods' }],
    ['/api/v1/namespaces/a/pods', { group: '', version: 'v1', namespace: 'a', plural: 'pods' }],
    ['/api/v1/namespaces/a/pods/p', { group: '', version: 'v1', namespace: 'a', plural: 'pods', name: 'p' }],
    [
      '/api/v1/namespaces/a/pods/p/log',
      { group: '', version: 'v1', namespace: 'a', plural: 'pods', name: 'p', subresource: 'log' },
    ],
    ['/api/v1/namespaces', { group: '', version: 'v1', plural: 'namespaces' }],
    ['/api/v1/namespaces/a', { group: '', version: 'v1', plural: 'namespaces', name: 'a' }],
    [
      '/api/v1/namespaces/a/status',
      { group: '', version: 'v1', plural: 'namespaces', name: 'a', subresource: 'status' },
    ],
    [
      '/api/v1/namespaces/a/finalize',
      { group: '', version: 'v1', plural: 'namespaces', name: 'a', subresource: 'finalize' },
    ],
    [
      '/apis/apps/v1/namespaces/a/statefulsets/db/scale',
      { group: 'apps', version: 'v1', namespace: 'a', plural: 'statefulsets', name: 'db', subresource: 'scale' },
    ],
    [
      '/apis/storage.k8s.io/v1/storageclasses/x',
      { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses', name: 'x' },
    ],
    [
      '/apis/rbac.authorization.k8s.io/v1/clusterroles/system%3Anode',
      { group: 'rbac.authorization.k8s.io', version: 'v1', plural: 'clusterroles', name: 'system:node' },
    ],
  ])('%s', (url, expected) => {
    expect(resource(url)).toEqual(expected);
  });

  test.each([
    '/',
    '/api',
    '/api/v1',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/version',
    '/apiary/v1/pods',
    '/api/v1/namespaces/a/pods/p/log/more',
  ])('no resource: %s', (url) => {
    expect(parseTarget(url)).toBeDefined();
    expect(resource(url)).toBeUndefined();
  });

  test('a watch, the way old clients ask for it', () => {
    const watched = (url: string, method?: string) => {
      const target = parseTarget(url, method);
      return [target?.resource?.plural, target?.resource?.namespace, String(target?.query)];
    };
    expect(watched('/api/v1/watch/pods?resourceVersion=5')).toEqual([
      'pods',
      undefined,
      'resourceVersion=5&watch=true',
    ]);
    expect(watched('/apis/apps/v1/watch/namespaces/a/statefulsets/db')).toEqual([
      'statefulsets',
      'a',
      'watch=true&fieldSelector=metadata.name%3Ddb',
    ]);
    expect(watched('/api/v1/watch/namespaces/a')).toEqual([
      'namespaces',
      undefined,
      'watch=true&fieldSelector=metadata.name%3Da',
    ]);
    expect(watched('/api/v1/watch/pods', 'POST')).toEqual(['watch', undefined, '']);
    expect(watched('/apis/example.com/v1/watch')).toEqual(['watch', undefined, '']);
  });

  test('nothing when it cannot be decoded', () => {
    expect(parseTarget('/api/v1/pods/%E0%A4%A')).toBeUndefined();
  });
});

test('the query is apart from the path', () => {
  const target = parseTarget('/api/v1/pods?watch=1&labelSelector=a%3Db');
  expect(target?.path).toBe('/api/v1/pods');
  expect(target?.query.get('labelSelector')).toBe('a=b');
});
