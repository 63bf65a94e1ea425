import { describe, expect, test } from 'vitest';

import {
  checkDns1035Label,
  checkDnsLabel,
  checkDnsSubdomain,
  checkLabelValue,
  checkPathSegment,
  checkQualifiedName,
} from './names.ts';

describe('names', () => {
  test.each(['a', 'redis-0', '0redis', 'a'.repeat(63)])('%s is a DNS label', (name) => {
    expect(checkDnsLabel(name)).toEqual([]);
  });

  test.each(['', '-a', 'a-', 'A', 'a.b', 'a_b', 'é', 'a\n'])('%j is no DNS label', (name) => {
    expect(checkDnsLabel(name)).toEqual([
      "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
    ]);
  });

  test('a label has at most 63 characters, a DNS name at most 253', () => {
    expect(checkDnsLabel('a'.repeat(64))).toEqual(['must be no more than 63 bytes']);
    expect(checkDnsSubdomain('a'.repeat(253))).toEqual([]);
    expect(checkDnsSubdomain('a'.repeat(254))).toEqual(['must be no more than 253 bytes']);
  });

  test('a very long name is refused without being looked at closely', () => {
    expect(checkDnsSubdomain(`${'a.'.repeat(500_000)}!`)).toHaveLength(2);
  });

  test('a DNS name has dots between labels', () => {
    expect(checkDnsSubdomain('redis.example.com')).toEqual([]);
    expect(checkDnsSubdomain('redis..com')).toHaveLength(1);
    expect(checkDnsSubdomain('redis.-x')).toHaveLength(1);
  });

  test('a service begins with a letter', () => {
    expect(checkDns1035Label('redis')).toEqual([]);
    expect(checkDns1035Label('0redis')).toEqual([expect.stringContaining('a DNS-1035 label must')]);
  });

  test('a name can stand between slashes', () => {
    expect(checkPathSegment('system:node')).toEqual([]);
    expect(checkPathSegment('..')).toEqual(["may not be '..'"]);
    expect(checkPathSegment('a/b%')).toEqual(["may not contain '/'", "may not contain '%'"]);
  });

  test.each(['app', 'App_1.x', 'berth.dev/owner', 'a'.repeat(63)])('%s is a qualified name', (name) => {
    expect(checkQualifiedName(name)).toEqual([]);
  });

  test.each([
    ['', 'name part must be non-empty'],
    ['/a', 'prefix part must be non-empty'],
    ['A.b/a', 'prefix part a lowercase RFC 1123 subdomain'],
    ['a/b/c', "a qualified name must consist of alphanumeric characters, '-', '_' or '.'"],
    ['a b', "name part must consist of alphanumeric characters, '-', '_' or '.'"],
    ['a'.repeat(64), 'name part must be no more than 63 bytes'],
  ])('%j is no qualified name', (name, why) => {
    expect(checkQualifiedName(name)[0]).toContain(why);
  });

  test('the value of a label may be empty', () => {
    expect(checkLabelValue('')).toEqual([]);
    expect(checkLabelValue('My_value.1')).toEqual([]);
    expect(checkLabelValue('-a')).toEqual([expect.stringContaining('a valid label must be an empty string or')]);
  });
});
