type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/** `object` with `defaults` where it has nothing; the same reference when it lacks none of them. */
export function withDefaults<T extends object>(object: T, defaults: Optional<T>): T {
  let copy: T | undefined;
  for (const key in defaults) {
    if (object[key] === undefined && defaults[key] !== undefined) {
      copy ??= { ...object };
      (copy as Record<string, unknown>)[key] = defaults[key];
    }
  }
  return copy ?? object;
}

/** `list` with every item replaced by `fill(item)`; the same reference when no item changed. */
function fillItems<T>(list: readonly T[] | undefined, fill: (item: T) => T): readonly T[] | undefined {
  if (list === undefined) return undefined;
  let copy: T[] | undefined;
  for (let i = 0; i < list.length; i++) {
    const item = list[i] as T;
    const filled = fill(item);
    if (filled !== item) {
      copy ??= list.slice();
      copy[i] = filled;
    }
  }
  return copy ?? list;
}

/** `object` with the value at `key`, when there is one, replaced by `fill(value)`; the same reference when unchanged. */
export function fillField<T extends object, K extends keyof T>(
  object: T,
  key: K,
  fill: (value: NonNullable<T[K]>) => NonNullable<T[K]>,
): T {
  const value = object[key];
  if (value === undefined || value === null) return object;
  const filled = fill(value);
  return filled === value ? object : { ...object, [key]: filled };
}

/** Like {@link fillField} for a list: every item is replaced by `fill(item)`. */
export function fillList<
  T extends object,
  K extends keyof T,
  I extends NonNullable<T[K]> extends readonly (infer E)[] ? E : never,
>(object: T, key: K, fill: (item: I) => I): T {
  const list = object[key] as readonly I[] | undefined;
  const filled = fillItems(list, fill);
  return filled === list ? object : { ...object, [key]: filled };
}
