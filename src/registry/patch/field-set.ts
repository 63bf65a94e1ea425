/**
 * A set of paths into an object, in the form `managedFields` has on the wire (`fieldsV1`): a tree whose keys are path
 * elements (`f:<field>`, `k:<keys of a list item>`, `v:<item of a set>`). A node without children, or with the child
 * `.`, is itself in the set.
 *
 * Sets are values: nothing here changes one, and an operation that changes nothing returns the same reference.
 */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

/** A path that is in the set, with nothing below it. Also the `.` of those with something below. */
export const LEAF: FieldSet = Object.freeze({});

/** Building a set: a node whose children are still being added. */
export type OpenFieldSet = Record<string, FieldSet>;

const SELF = '.';

/** The whole tree holds no path. Only a root can be so: below it, a node without children is a path. */
export function isEmptySet(set: FieldSet): boolean {
  for (const _element in set) return false;
  return true;
}

/** Whether the path of this node, not only what is below it, is in the set. */
export function isMember(node: FieldSet): boolean {
  return Object.hasOwn(node, SELF) || isEmptySet(node);
}

/** The node as a member of its set. */
export function asMember(node: FieldSet): FieldSet {
  return isMember(node) ? node : { [SELF]: LEAF, ...node };
}

const own = (set: FieldSet, element: string): FieldSet | undefined =>
  Object.hasOwn(set, element) ? set[element] : undefined;

/** The child of a node, if the set has any path there or below. */
export function childOf(set: FieldSet | undefined, element: string): FieldSet | undefined {
  return set === undefined ? undefined : own(set, element);
}

/** All paths of both. */
export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b || isEmptySet(b)) return a;
  if (isEmptySet(a)) return b;
  return unionNode(a, b);
}

function unionNode(a: FieldSet, b: FieldSet): FieldSet {
  if (a === b) return a;
  let result: OpenFieldSet | undefined;
  if (isMember(b) && !isMember(a)) result = { [SELF]: LEAF, ...a };
  else if (isEmptySet(a) && !isEmptySet(b)) result = { [SELF]: LEAF };
  for (const element in b) {
    if (element === SELF) continue;
    const inA = own(a, element);
    const inB = b[element] as FieldSet;
    const child = inA === undefined ? inB : unionNode(inA, inB);
    if (child !== inA) {
      result ??= { ...a };
      result[element] = child;
    }
  }
  return result ?? a;
}

/** The paths of `a` that are not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  let result: OpenFieldSet | undefined;
  for (const element in b) {
    const inA = own(a, element);
    if (inA === undefined || element === SELF) continue;
    const child = differenceNode(inA, b[element] as FieldSet);
    if (child === inA) continue;
    result ??= { ...a };
    if (child === undefined) delete result[element];
    else result[element] = child;
  }
  return result ?? a;
}

/** A node without the paths of another; undefined when nothing is left of it. */
function differenceNode(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const member = isMember(a) && !isMember(b);
  if (isEmptySet(a)) return member ? a : undefined;
  const below = difference(a, b);
  if (member || !isMember(a)) return isEmptySet(below) ? (member ? LEAF : undefined) : below;
  const { [SELF]: _self, ...rest } = below;
  return isEmptySet(rest) ? undefined : rest;
}

/** The paths of `a` that are neither in `roots` nor below a path of it. */
export function without(a: FieldSet, roots: FieldSet): FieldSet {
  let result: OpenFieldSet | undefined;
  for (const element in roots) {
    const inA = own(a, element);
    if (inA === undefined || element === SELF) continue;
    const root = roots[element] as FieldSet;
    const rest = isMember(root) ? {} : without(inA, root);
    if (rest === inA) continue;
    result ??= { ...a };
    if (isEmptySet(rest)) delete result[element];
    else result[element] = rest;
  }
  return result ?? a;
}

/** The paths that are in both; undefined when there are none. */
export function intersection(a: FieldSet, b: FieldSet): FieldSet | undefined {
  let result: OpenFieldSet | undefined;
  for (const element in a) {
    const inB = own(b, element);
    if (inB === undefined || element === SELF) continue;
    const child = intersectionNode(a[element] as FieldSet, inB);
    if (child === undefined) continue;
    result ??= {};
    result[element] = child;
  }
  return result;
}

function intersectionNode(a: FieldSet, b: FieldSet): FieldSet | undefined {
  const member = isMember(a) && isMember(b);
  const below = intersection(a, b);
  if (below === undefined) return member ? LEAF : undefined;
  return member ? { [SELF]: LEAF, ...below } : below;
}

/** Every path of the set, as its elements. */
export function pathsOf(set: FieldSet): readonly (readonly string[])[] {
  const paths: (readonly string[])[] = [];
  const walk = (node: FieldSet, path: readonly string[]): void => {
    for (const element in node) {
      if (element === SELF) continue;
      const child = node[element] as FieldSet;
      const at = [...path, element];
      if (isMember(child)) paths.push(at);
      walk(child, at);
    }
  };
  walk(set, []);
  return paths;
}

/** A path as Kubernetes writes it in messages: `.spec.template.spec.containers[name="redis"].image`. */
export function formatPath(path: readonly string[]): string {
  return path
    .map((element) => {
      const rest = element.slice(2);
      if (element.startsWith('f:')) return `.${rest}`;
      if (element.startsWith('v:')) return `[=${rest}]`;
      if (element.startsWith('k:')) return `[${formatKeys(rest)}]`;
      return `[${rest}]`;
    })
    .join('');
}

function formatKeys(json: string): string {
  const keys: unknown = JSON.parse(json);
  return Object.entries(keys as object)
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join(',');
}
