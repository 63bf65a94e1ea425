/** As many as one answer names. */
const MAX_DUPLICATES = 100;

const NONE: readonly string[] = Object.freeze([]);

interface Open {
  /** The keys of an object so far; absent for a list. */
  readonly keys?: Set<string>;
  /** The key or index of the value that is being read. */
  step: string | number;
}

/**
 * The paths of the keys that occur twice in one object of a JSON text, which `JSON.parse` does not tell: of two the
 * last one counts. `value` is what it made of the text.
 *
 * @example
 * const json = '{"spec":{"replicas":1,"replicas":2}}';
 * findDuplicateFields(json, JSON.parse(json)); // ['spec.replicas']
 */
export function findDuplicateFields(json: string, value: unknown): readonly string[] {
  // Nearly every text has as many keys as the value: then none is there twice, and where they are is not asked.
  if (countKeyEnds(json) === countKeys(value)) return NONE;
  const duplicates: string[] = [];
  const open: Open[] = [];
  let expectKey = false;
  for (let i = 0; i < json.length; i++) {
    switch (json.charCodeAt(i)) {
      case 0x7b: // {
        open.push({ keys: new Set(), step: '' });
        expectKey = true;
        break;
      case 0x5b: // [
        open.push({ step: 0 });
        expectKey = false;
        break;
      case 0x7d: // }
      case 0x5d: // ]
        open.pop();
        expectKey = false;
        break;
      case 0x2c: {
        // ,
        const top = open.at(-1);
        if (top === undefined) break;
        if (typeof top.step === 'number') top.step++;
        expectKey = top.keys !== undefined;
        break;
      }
      case 0x22: {
        // "
        const end = stringEnd(json, i);
        const top = open.at(-1);
        if (expectKey && top?.keys !== undefined) {
          const text = json.slice(i + 1, end);
          const key = text.includes('\\') ? String(JSON.parse(json.slice(i, end + 1))) : text;
          top.step = key;
          if (top.keys.has(key) && duplicates.length < MAX_DUPLICATES) duplicates.push(pathOf(open));
          top.keys.add(key);
          expectKey = false;
        }
        i = end;
        break;
      }
    }
  }
  return duplicates;
}

/** How often a quote comes before a colon: after every key, and now and then in a text. */
function countKeyEnds(json: string): number {
  let count = 0;
  for (let colon = json.indexOf(':'); colon >= 0; colon = json.indexOf(':', colon + 1)) {
    let before = colon - 1;
    // A control character or a space: JSON has no others between a key and its colon.
    while (json.charCodeAt(before) <= 0x20) before--;
    if (json.charCodeAt(before) === 0x22) count++;
  }
  return count;
}

/** The keys of all objects in a value. */
function countKeys(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const members = Object.values(value);
  let count = Array.isArray(value) ? 0 : members.length;
  for (const member of members) count += countKeys(member);
  return count;
}

/** Where the string that starts at `start` ends. */
function stringEnd(json: string, start: number): number {
  let i = start + 1;
  while (i < json.length) {
    const code = json.charCodeAt(i);
    if (code === 0x22) return i;
    i += code === 0x5c ? 2 : 1;
  }
  return i;
}

function pathOf(open: readonly Open[]): string {
  let path = '';
  for (const { step } of open) path += typeof step === 'number' ? `[${step}]` : path === '' ? step : `.${step}`;
  return path;
}
