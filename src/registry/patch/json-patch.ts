import { apiError } from '../../api/errors.ts';
import { isJsonObject, sameValue } from '../values.ts';
import { setOwn } from './json-objects.ts';

/** As many operations as one patch may have. */
const MAX_OPERATIONS = 10_000;
/** As much as the `copy` operations of one patch may add, in bytes of JSON: else thirty of them fill the memory. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

interface Step {
  readonly op: 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';
  readonly path: readonly string[];
  readonly pointer: string;
  readonly from: readonly string[];
  readonly fromPointer: string;
  readonly value: unknown;
}

/**
 * JSON patch (RFC 6902): all operations in order, or none. `target` is not changed.
 *
 * What is no list of objects is a BadRequest (400); operations that cannot be done, or a `test` that fails, are Invalid
 * (422); too many of them are RequestEntityTooLarge (413).
 */
export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw apiError('BadRequest', 'error decoding patch: a JSON patch is a list of operations');
  }
  if (patch.length > MAX_OPERATIONS) {
    throw apiError(
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`,
    );
  }
  const steps = patch.map(parseStep);
  const document = new PatchedDocument(target);
  for (const step of steps) document.apply(step);
  return document.root;
}

function parseStep(operation: unknown, index: number): Step {
  if (!isJsonObject(operation)) {
    throw apiError('BadRequest', `error decoding patch: operation ${index} is not an object`);
  }
  const bad = (why: string): Error => unfit(`operation ${index}: ${why}`);
  const { op, path, from } = operation;
  switch (op) {
    case 'add':
    case 'replace':
    case 'test':
      if (!Object.hasOwn(operation, 'value')) throw bad(`"${op}" needs a value`);
      break;
    case 'move':
    case 'copy':
      if (typeof from !== 'string') throw bad(`"${op}" needs a "from"`);
      break;
    case 'remove':
      break;
    default:
      throw bad(`unexpected kind: ${JSON.stringify(op) ?? 'none'}`);
  }
  if (typeof path !== 'string') throw bad('needs a path');
  const parse = (pointer: string): readonly string[] => {
    if (pointer !== '' && !pointer.startsWith('/')) throw bad(`${JSON.stringify(pointer)} does not start with a slash`);
    return pointer
      .split('/')
      .slice(1)
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
  };
  const fromPointer = typeof from === 'string' ? from : '';
  return { op, path: parse(path), pointer: path, from: parse(fromPointer), fromPointer, value: operation.value };
}

/** The document does not fit the patch. */
function unfit(message: string): Error {
  const text = 'the server rejected our request due to an error in our request';
  return apiError('Invalid', `${text}: ${message}`, { causes: [{ reason: 'UnexpectedServerResponse', message }] });
}

type Container = Record<string, unknown> | unknown[];

/** A document under change: what is changed is copied once, on its first change. */
class PatchedDocument {
  root: unknown;
  readonly #copied = new Set<object>();
  #copiedBytes = 0;

  constructor(root: unknown) {
    this.root = root;
  }

  apply(step: Step): void {
    switch (step.op) {
      case 'add':
        this.#add(step.path, step.pointer, step.value);
        return;
      case 'remove':
        this.#remove(step.path, step.pointer);
        return;
      case 'replace':
        this.#replace(step.path, step.pointer, step.value);
        return;
      case 'move': {
        if (step.pointer.startsWith(`${step.fromPointer}/`)) {
          throw unfit(`cannot move ${step.fromPointer} into itself`);
        }
        const value = this.#get(step.from, step.fromPointer);
        if (step.pointer === step.fromPointer) return;
        this.#remove(step.from, step.fromPointer);
        this.#add(step.path, step.pointer, value);
        return;
      }
      case 'copy': {
        const text = JSON.stringify(this.#get(step.from, step.fromPointer));
        this.#copiedBytes += text.length;
        if (this.#copiedBytes > MAX_COPIED_BYTES) {
          throw unfit(`the "copy" operations add more than ${MAX_COPIED_BYTES} bytes`);
        }
        this.#add(step.path, step.pointer, JSON.parse(text));
        return;
      }
      case 'test':
        if (!sameValue(this.#find(step.path), step.value ?? null)) {
          throw unfit(`testing value ${step.pointer} failed`);
        }
        return;
    }
  }

  /** The value at `path`; undefined when there is none. */
  #find(path: readonly string[]): unknown {
    let value = this.root;
    for (const token of path) {
      if (Array.isArray(value)) {
        const index = arrayIndex(token);
        value = index === undefined ? undefined : value[index];
      } else if (isJsonObject(value) && Object.hasOwn(value, token)) value = value[token];
      else return undefined;
    }
    return value;
  }

  #get(path: readonly string[], pointer: string): unknown {
    const value = this.#find(path);
    if (value === undefined) throw unfit(`missing value: ${pointer}`);
    return value;
  }

  #add(path: readonly string[], pointer: string, value: unknown): void {
    if (path.length === 0) {
      this.root = value;
      return;
    }
    const { container, token } = this.#open(path, pointer, 'add');
    if (!Array.isArray(container)) {
      setOwn(container, token, value);
      return;
    }
    const index = token === '-' ? container.length : arrayIndex(token);
    if (index === undefined || index > container.length)
      throw unfit(`add operation does not apply: invalid index ${pointer}`);
    container.splice(index, 0, value);
  }

  #remove(path: readonly string[], pointer: string): void {
    if (path.length === 0) throw unfit('remove operation does not apply: cannot remove the whole document');
    this.#get(path, pointer);
    const { container, token } = this.#open(path, pointer, 'remove');
    if (Array.isArray(container)) container.splice(Number(token), 1);
    else delete container[token];
  }

  #replace(path: readonly string[], pointer: string, value: unknown): void {
    if (path.length === 0) {
      this.root = value;
      return;
    }
    if (this.#find(path) === undefined) throw unfit(`replace operation does not apply: doc is missing key: ${pointer}`);
    const { container, token } = this.#open(path, pointer, 'replace');
    if (Array.isArray(container)) container[Number(token)] = value;
    else setOwn(container, token, value);
  }

  /** The container that holds the last token of `path`, ready to be changed. */
  #open(path: readonly string[], pointer: string, op: string): { container: Container; token: string } {
    let container = this.#own(this.root, pointer, op);
    this.root = container;
    for (const token of path.slice(0, -1)) {
      const child = this.#own(
        Array.isArray(container)
          ? container[arrayIndex(token) ?? -1]
          : Object.hasOwn(container, token)
            ? container[token]
            : undefined,
        pointer,
        op,
      );
      if (Array.isArray(container)) container[Number(token)] = child;
      else setOwn(container, token, child);
      container = child;
    }
    return { container, token: path.at(-1) ?? '' };
  }

  #own(value: unknown, pointer: string, op: string): Container {
    if (typeof value !== 'object' || value === null) {
      throw unfit(`${op} operation does not apply: doc is missing path: ${pointer}`);
    }
    if (this.#copied.has(value)) return value as Container;
    const copy: Container = Array.isArray(value) ? value.slice() : { ...value };
    this.#copied.add(copy);
    return copy;
  }
}

/** RFC 6901: digits without a leading zero. */
function arrayIndex(token: string): number | undefined {
  return /^(0|[1-9]\d{0,9})$/.test(token) ? Number(token) : undefined;
}
