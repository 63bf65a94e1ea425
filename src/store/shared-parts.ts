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

/** A list or an object inside a member of a JSON object, such as `spec.containers`, by where its text is. */
export interface SharedPart {
  /** Both names as JSON. */
  readonly member: string;
  readonly name: string;
  readonly begin: number;
  readonly end: number;
  /** The same for the same text: counted from 0. */
  readonly id: number;
  /** Whether this is the first part with its id. */
  readonly isNew: boolean;
}

/**
 * Finds what the JSON of many objects has in common. Most of them come from few templates, so lists and objects in
 * their members have the same text again and again: it needs to be parsed only once, and to take memory only once.
 */
export class SharedParts {
  readonly #known = new Map<string, number>();
  /** What came last under a name: often it comes again. */
  readonly #latest = new Map<string, { readonly text: string; readonly id: number }>();
  #count = 0;

  /** The parts of an object that are large enough, in order. `json` is what `JSON.stringify` made. */
  of(json: string): readonly SharedPart[] {
    const parts: SharedPart[] = [];
    if (json.charCodeAt(0) !== BEGIN_OBJECT) return parts;
    let depth = 0;
    let begin = 0;
    // The last string of the first two levels: in an object the name of what begins now.
    let nameBegin = 0;
    let nameEnd = 0;
    /** The name of the object that is open on the second level; a list has nothing that has names. */
    let member: string | undefined;
    for (let index = 0; index < json.length; index++) {
      const character = json.charCodeAt(index);
      if (character === QUOTE) {
        const end = endOfString(json, index);
        if (depth <= 2) {
          nameBegin = index;
          nameEnd = end;
        }
        index = end - 1;
      } else if (character === BEGIN_OBJECT || character === BEGIN_LIST) {
        if (depth === 1) member = character === BEGIN_OBJECT ? json.slice(nameBegin, nameEnd) : undefined;
        if (depth === 2 && member !== undefined) {
          begin = index;
          const name = json.slice(nameBegin, nameEnd);
          const latest = this.#latest.get(name);
          const end = begin + (latest?.text.length ?? 0);
          // A list or an object ends where its text says so: nothing longer can begin with it. (`startsWith` is slower.)
          if (latest !== undefined && json.slice(begin, end) === latest.text) {
            parts.push({ member, name, begin, end, id: latest.id, isNew: false });
            index = end - 1;
            continue;
          }
        }
        depth++;
      } else if (character === END_OBJECT || character === END_LIST) {
        depth--;
        const end = index + 1;
        if (depth !== 2 || member === undefined || end - begin < LEAST_CHARACTERS) continue;
        const name = json.slice(nameBegin, nameEnd);
        parts.push({ member, name, begin, end, ...this.#identify(name, json.slice(begin, end)) });
      }
    }
    return parts;
  }

  #identify(name: string, text: string): Pick<SharedPart, 'id' | 'isNew'> {
    const known = this.#known.get(text);
    const id = known ?? this.#count++;
    if (known === undefined) {
      if (this.#known.size >= MOST_PARTS) {
        this.#known.clear();
        this.#latest.clear();
      }
      this.#known.set(text, id);
    }
    this.#latest.set(name, { text, id });
    return { id, isNew: known === undefined };
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
