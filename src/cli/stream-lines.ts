import type { Readable } from 'node:stream';

import { CliError } from './errors.ts';

/** The text of an answer as it comes. Throws a {@link CliError} when the server goes away before its end. */
export async function* textOf(stream: Readable): AsyncGenerator<string> {
  try {
    for await (const chunk of stream.setEncoding('utf8')) yield String(chunk);
  } catch (error) {
    throw new CliError(`the server went away: ${(error as Error).message}`, {
      hint: 'berth status tells whether it runs; berth up starts it',
    });
  }
}

/** The lines of an answer, each without its end; a last one without an end counts. */
export async function* lines(stream: Readable): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of textOf(stream)) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    yield* parts.filter((line) => line !== '');
  }
  if (rest !== '') yield rest;
}
