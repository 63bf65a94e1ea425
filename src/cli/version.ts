import { readFileSync } from 'node:fs';

/** Berth's own version, from the package it runs from. */
export function version(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return version;
}
