import { describe, expect, test } from 'vitest';

import { compareVersions } from './custom-types.ts';
import { JsonPathSyntaxError, parseJsonPath } from './json-path.ts';

const object = {
  metadata: { labels: { 'a.b/c': 'x' } },
  spec: {
    replicas: 3,
    ports: [
      { name: 'http', port: 80 },
      { name: 'admin', port: 81 },
    ],
  },
};

describe('a path', () => {
  test.each([
    ['.spec.replicas', [3]],
    ['$.spec.ports[0].port', [80]],
    ['.spec.ports[-1].name', ['admin']],
    ['.spec.ports[*].name', ['http', 'admin']],
    ['.spec.ports[?(@.name=="admin")].port', [81]],
    ['.spec.ports[?(@.port!=81)].name', ['http']],
    ['.metadata.labels.a\\.b/c', ['x']],
    [".metadata.labels['a.b/c']", ['x']],
    ['.spec.none.at.all', []],
    ['.spec.ports.length', []],
  ])('%s leads to %j', (path, found) => {
    expect(parseJsonPath(path).find(object)).toEqual(found);
  });

  test.each(['spec', '.spec[', '.spec..a', '.a[?(@.b)]'])('%s is refused', (path) => {
    expect(() => parseJsonPath(path)).toThrow(JsonPathSyntaxError);
  });

  test('through members only says which', () => {
    expect(parseJsonPath('.spec.replicas').members).toEqual(['spec', 'replicas']);
    expect(parseJsonPath('.spec.ports[0]').members).toBeUndefined();
  });
});

test('versions are preferred as Kubernetes prefers them', () => {
  const versions = [
    'foo10',
    'v1alpha1',
    'v10',
    'v2beta1',
    'v2',
    'v11beta2',
    'foo1',
    'v10beta3',
    'v3beta1',
    'v12alpha1',
  ];
  expect(versions.sort(compareVersions)).toEqual([
    'v10',
    'v2',
    'v11beta2',
    'v10beta3',
    'v3beta1',
    'v2beta1',
    'v12alpha1',
    'v1alpha1',
    'foo1',
    'foo10',
  ]);
});
