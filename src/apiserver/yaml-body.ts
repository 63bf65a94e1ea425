import { isScalar, LineCounter, parse, parseDocument, visit } from 'yaml';

/** As many as one answer names. */
const MAX_REPEATED = 100;

/** The value that a body in YAML stands for; of a key that is given twice the last one counts. Loaded when the first one comes. */
export function parseYaml(text: string): unknown {
  return parse(text, { maxAliasCount: 100, uniqueKeys: false });
}

/**
 * The keys that are there twice in one map of a text that {@link parseYaml} has read.
 *
 * @example
 * repeatedYamlKeys('a: 1\na: 2'); // ['line 2: key "a" already set in map']
 */
export function repeatedYamlKeys(text: string): readonly string[] {
  const lineCounter = new LineCounter();
  const repeated: string[] = [];
  visit(parseDocument(text, { lineCounter, uniqueKeys: false }), {
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        const name = String(key.value);
        if (seen.has(name) && repeated.length < MAX_REPEATED) {
          const { line } = lineCounter.linePos(key.range?.[0] ?? 0);
          repeated.push(`line ${line}: key ${JSON.stringify(name)} already set in map`);
        }
        seen.add(name);
      }
    },
  });
  return repeated;
}
