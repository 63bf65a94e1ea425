import { parse } from 'yaml';

/** The value that a body in YAML stands for. Loaded when the first one comes. */
export function parseYaml(text: string): unknown {
  return parse(text, { maxAliasCount: 100 });
}
