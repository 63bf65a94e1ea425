import { describe, expect, test } from 'vitest';

import { parseFieldSelector } from './selectors.ts';

describe('parseFieldSelector', () => {
  test('terms with =, == and !=', () => {
    expect(parseFieldSelector('metadata.name=redis-0,status.phase!=Running,spec.nodeName==node-0')).toEqual([
      { field: 'metadata.name', equal: true, value: 'redis-0' },
      { field: 'status.phase', equal: false, value: 'Running' },
      { field: 'spec.nodeName', equal: true, value: 'node-0' },
    ]);
  });

  test('nothing asks for nothing, and a value may be empty', () => {
    expect(parseFieldSelector('')).toEqual([]);
    expect(parseFieldSelector('spec.nodeName=')).toEqual([{ field: 'spec.nodeName', equal: true, value: '' }]);
  });

  test('a backslash takes what follows literally', () => {
    expect(parseFieldSelector('a=b\\,c\\=d\\\\,e=f')).toEqual([
      { field: 'a', equal: true, value: 'b,c=d\\' },
      { field: 'e', equal: true, value: 'f' },
    ]);
  });

  test.each(['a', 'a=b,c', 'a=b=c', 'a=\\x', 'a=\\'])('V5 %j is refused', (text) => {
    expect(() => parseFieldSelector(text)).toThrow(`invalid selector: '${text}'`);
  });
});
