import { Readable } from 'node:stream';
import { expect, test } from 'vitest';

import { CliError } from './errors.ts';
import { lines, textOf } from './stream-lines.ts';

async function all(parts: AsyncIterable<string>): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const part of parts) found.push(part);
  return found;
}

test('lines come whole, however the answer is cut into pieces', async () => {
  const euro = Buffer.from('€');
  const pieces = [Buffer.from('a\nb'), Buffer.from('c\n\n'), euro.subarray(0, 1), euro.subarray(1), Buffer.from('!')];
  expect(await all(lines(Readable.from(pieces)))).toEqual(['a', 'bc', '€!']);
});

test('a server that goes away in the middle is no defect of the command', async () => {
  async function* cutOff() {
    yield Buffer.from('kv-0\n');
    throw Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
  }
  for (const read of [textOf, lines]) {
    const answer = all(read(Readable.from(cutOff())));
    await expect(answer).rejects.toBeInstanceOf(CliError);
    await expect(answer).rejects.toThrow('the server went away: aborted');
  }
});
