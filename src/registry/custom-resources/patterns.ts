import type { RE2JS } from 're2js';

let language: typeof RE2JS | undefined;

/**
 * Loads Go's regular expressions, which most servers never need. JavaScript's own are another language, and can be made
 * to run for ever by a short text. To be awaited before any pattern is read.
 */
export async function loadPatterns(): Promise<void> {
  language ??= (await import('re2js')).RE2JS;
}

const read = new Map<string, RE2JS | Error>();
/** How many patterns are remembered, and how long one may be. */
const REMEMBERED = 1_000;
const LONGEST = 10_000;

/** The pattern that a text stands for. Throws what is wrong when it is none. {@link loadPatterns} has been awaited. */
export function readPattern(text: string): RE2JS {
  let pattern = read.get(text);
  if (pattern === undefined) {
    pattern = compile(text);
    if (read.size >= REMEMBERED) read.clear();
    read.set(text, pattern);
  }
  if (pattern instanceof Error) throw pattern;
  return pattern;
}

function compile(text: string): RE2JS | Error {
  if (language === undefined) throw new Error('patterns are read before their language is loaded');
  if (text.length > LONGEST) return new Error(`error parsing regexp: longer than ${LONGEST} characters`);
  try {
    return language.compile(text);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
