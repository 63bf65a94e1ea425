import { builtInTypes } from '../api/kinds.ts';
import { qualifiedName, type ResourceType } from '../api/resource-type.ts';
import { CliError } from './errors.ts';

/** Which objects a command line means: `pods`, `sts/kv`, `statefulset kv other`. */
export interface Target {
  readonly type: ResourceType;
  /** Absent: all of them. */
  readonly name?: string;
}

/** Berth's own groups come first where a short word fits several resources (`events`). */
export function findType(word: string, types: readonly ResourceType[] = builtInTypes): ResourceType {
  const wanted = word.toLowerCase();
  const found = types.find(
    (type) =>
      type.plural === wanted ||
      type.singular === wanted ||
      type.shortNames.includes(wanted) ||
      qualifiedName(type) === wanted ||
      `${type.plural}.${type.version}.${type.group}` === wanted ||
      `${type.singular}.${type.group}` === wanted,
  );
  if (found) return found;
  const near = types.filter(
    (type) => type.plural.startsWith(wanted.slice(0, 3)) || type.shortNames.some((short) => wanted.startsWith(short)),
  );
  throw new CliError(`no resource type "${word}"`, {
    hint:
      near.length > 0
        ? `did you mean ${near.map((type) => type.plural).join(', ')}?`
        : `one of ${types.map((type) => type.plural).join(', ')}`,
  });
}

/**
 * Reads the words after a verb as kubectl does: `KIND`, `KIND NAME...`, `KIND,KIND`, `KIND/NAME...`, and `all`.
 * Throws a {@link CliError} for what cannot be meant.
 */
export function parseTargets(
  words: readonly string[],
  types: readonly ResourceType[] = builtInTypes,
): readonly Target[] {
  const [first, ...rest] = words;
  if (first === undefined)
    throw new CliError('name a kind, for example: statefulsets, pods, pvc', { hint: 'or KIND/NAME, as in pod/kv-0' });
  if (first.includes('/')) {
    return words.map((word) => {
      const [kind, name, ...more] = word.split('/');
      if (!kind || !name || more.length > 0)
        throw new CliError(`"${word}" is not KIND/NAME`, { hint: 'as in pod/kv-0' });
      return { type: findType(kind, types), name };
    });
  }
  const kinds = first
    .split(',')
    .flatMap((word) =>
      word === 'all' ? types.filter((type) => type.categories.includes('all')) : [findType(word, types)],
    );
  if (rest.length === 0) return kinds.map((type) => ({ type }));
  const wrong = rest.find((word) => word.includes('/'));
  if (wrong !== undefined) throw new CliError(`"${wrong}" after a kind: either KIND NAME or KIND/NAME`);
  return kinds.flatMap((type) => rest.map((name) => ({ type, name })));
}

/** `statefulset.apps/kv`: how kubectl names an object in its messages. */
export function displayName(type: ResourceType, name: string): string {
  return `${type.group === '' ? type.singular : `${type.singular}.${type.group}`}/${name}`;
}
