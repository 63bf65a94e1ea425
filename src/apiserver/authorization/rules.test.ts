import { describe, expect, test } from 'vitest';

import type { PolicyRule } from '../../api/generated/types.ts';
import { ruleAllows, subjectIs } from './rules.ts';

const getPods = { verb: 'get', group: '', version: 'v1', resource: 'pods', namespace: 'a', name: 'p' };
const readPods: PolicyRule = { verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] };

describe('a rule', () => {
  test.each<[string, PolicyRule, object, boolean]>([
    ['its verbs and resources', readPods, {}, true],
    ['no other verb', readPods, { verb: 'delete' }, false],
    ['no other resource', readPods, { resource: 'secrets' }, false],
    ['no other group', readPods, { group: 'apps' }, false],
    ['no subresource that it does not name', readPods, { subresource: 'log' }, false],
    ['a subresource that it names', { ...readPods, resources: ['pods/log'] }, { subresource: 'log' }, true],
    [
      'a subresource of anything',
      { ...readPods, resources: ['*/scale'] },
      { resource: 'x', subresource: 'scale' },
      true,
    ],
    ['only the objects it names', { ...readPods, resourceNames: ['q'] }, {}, false],
    ['the objects it names', { ...readPods, resourceNames: ['p'] }, {}, true],
    ['no list where it names objects', { ...readPods, resourceNames: ['p'] }, { verb: 'list', name: undefined }, false],
    ['everything', { verbs: ['*'], apiGroups: ['*'], resources: ['*'] }, { subresource: 'exec' }, true],
  ])('allows %s', (_what, rule, change, allowed) => {
    expect(ruleAllows(rule, { ...getPods, ...change })).toBe(allowed);
  });

  test('allows paths, whole or by their beginning', () => {
    const rule: PolicyRule = { verbs: ['get'], nonResourceURLs: ['/version', '/api/*'] };
    expect(ruleAllows(rule, { verb: 'get', path: '/version' })).toBe(true);
    expect(ruleAllows(rule, { verb: 'get', path: '/api/v1' })).toBe(true);
    expect(ruleAllows(rule, { verb: 'get', path: '/metrics' })).toBe(false);
    expect(ruleAllows(rule, { verb: 'post', path: '/version' })).toBe(false);
    expect(ruleAllows(rule, getPods)).toBe(false);
  });
});

test('a subject is a user, a group, or a service account of a namespace', () => {
  const user = { name: 'system:serviceaccount:a:build', groups: ['system:serviceaccounts'] };
  expect(subjectIs({ kind: 'User', name: 'system:serviceaccount:a:build' }, user, undefined)).toBe(true);
  expect(subjectIs({ kind: 'Group', name: 'system:serviceaccounts' }, user, undefined)).toBe(true);
  expect(subjectIs({ kind: 'Group', name: 'others' }, user, undefined)).toBe(false);
  expect(subjectIs({ kind: 'ServiceAccount', name: 'build', namespace: 'a' }, user, undefined)).toBe(true);
  expect(subjectIs({ kind: 'ServiceAccount', name: 'build' }, user, 'a')).toBe(true);
  expect(subjectIs({ kind: 'ServiceAccount', name: 'build' }, user, 'b')).toBe(false);
});
