import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

import { shellWord } from './shell-word.ts';

test('a plain path stays as it is', () => {
  expect(shellWord('/home/me/.local/share/berth')).toBe('/home/me/.local/share/berth');
});

test.each(['a b', "it's", '$HOME', '`id`', '"', '', 'ä;#'])('a shell takes %j for one word', (word) => {
  expect(execFileSync('sh', ['-c', `printf %s ${shellWord(word)}`], { encoding: 'utf8' })).toBe(word);
});
