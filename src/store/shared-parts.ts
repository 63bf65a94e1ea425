import { deepFreeze } from '../platform/deep-freeze.ts';
import type { Value } from './store.ts';

/** What is shorter is parsed as fast as it is found. */
const LEAST_CHARACTERS = 100;
/** What is remembered at once: objects from one template tend to be near each other. */
const MOST_PARTS = 1000;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const BEGIN_LIST = 0x5b;
const END_LIST = 0x5d;
const BEGIN_OBJECT = 0x7b;
const END_OBJECT = 0x7d;

/** The text of a list or an object, and its value. */
interface Known {
  readonly text: string;
  readonly value: unknown;
}

/** A list or an object inside a member of a JSON object, such as `spec.containers`. */
interface Part {
  /** Both names as JSON. */
  readonly member: string;
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  readonly value: unknown;
}

/**
 * Parses the JSON of many objects. Most of them come from few templates, so the lists and objects in their members that
 * have the same text become one frozen value: it is parsed once and takes memory once.
 */
export class SharedParts {
  readonly #known = new Map<string, Known>();
  /** What came last under a name: often it comes again. */
  readonly #latest = new Map<string, Known>();

  /** The value of a JSON text, frozen all the way down. Throws what `JSON.parse` throws. */
  parse(text: string): Value {
    const parts = this.#partsOf(text);
    if (parts.length === 0) return deepFreeze(JSON.parse(text) as Value);
    let rest = '';
    let from = 0;
    for (const { begin, end } of parts) {
      rest += `${text.slice(from, begin)}null`;
      from = end;
    }
    const object = JSON.parse(rest + text.slice(from)) as Record<string, Record<string, unknown>>;
    for (const { member, name, value } of parts) {
      const members = object[JSON.parse(member) as string];
      if (members !== undefined) members[JSON.parse(name) as string] = value;
    }
    return deepFreeze(object);
  }

  /** The parts of an object that are large enough. */
  #partsOf(text: string): readonly Part[] {
    const parts: Part[] = [];
    if (text.charCodeAt(0) !== BEGIN_OBJECT) return parts;
    let depth = 0;
    let begin = 0;
    // The last string of the first two levels: in an object the name of what begins now.
    let nameBegin = 0;
    let nameEnd = 0;
    /** The name of the object that is open on the second level; a list has nothing that has names. */
    let member: string | undefined;
    for (let index = 0; index < text.length; index++) {
      const character = text.charCodeAt(index);
      if (character === QUOTE) {
        const end = endOfString(text, index);
        if (depth <= 2) {
          nameBegin = index;
          nameEnd = end;
        }
        index = end - 1;
      } else if (character === BEGIN_OBJECT || character === BEGIN_LIST) {
        if (depth === 1) member = character === BEGIN_OBJECT ? text.slice(nameBegin, nameEnd) : undefined;
        if (depth === 2 && member !== undefined) {
          begin = index;
          const name = text.slice(nameBegin, nameEnd);
          const latest = this.#latest.get(name);
          const end = begin + (latest?.text.length ?? 0);
          // A list or an object ends where its text says so: nothing longer can begin with it. (`startsWith` is slower.)
          if (latest !== undefined && text.slice(begin, end) === latest.text) {
            parts.push({ member, name, begin, end, value: latest.value });
            index = end - 1;
            continue;
          }
        }
        depth++;
      } else if (character === END_OBJECT || character === END_LIST) {
        depth--;
        const end = index + 1;
        if (depth !== 2 || member === undefined || end - begin < LEAST_CHARACTERS) continue;
        const name = text.slice(nameBegin, nameEnd);
        parts.push({ member, name, begin, end, value: this.#shared(name, text.slice(begin, end)) });
      }
    }
    return parts;
  }

  #shared(name: string, text: string): unknown {
    let known = this.#known.get(text);
    if (known === undefined) {
      known = { text, value: deepFreeze(JSON.parse(text) as unknown) };
      if (this.#known.size >= MOST_PARTS) {
        this.#known.clear();
        this.#latest.clear();
      }
      this.#known.set(text, known);
    }
    this.#latest.set(name, known);
    return known.value;
  }
}

/** After the quote that ends the string which begins at `begin`. */
function endOfString(text: string, begin: number): number {
  for (let quote = text.indexOf('"', begin + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let first = quote;
    while (text.charCodeAt(first - 1) === BACKSLASH) first--;
    if ((quote - first) % 2 === 0) return quote + 1;
  }
  return text.length;
}
