import type { ManagedFieldsEntry } from '../../api/generated/types.ts';
import type { ObjectType } from '../../api/schema-types.ts';
import { isJsonObject } from '../values.ts';
import { difference, type FieldSet, isEmptySet, type OpenFieldSet, union, without } from './field-set.ts';
import { compareFields, type FieldChanges, writtenFields } from './object-fields.ts';

export type ManagerOperation = 'Apply' | 'Update';

/** Who writes, how, and when. */
export interface Writer {
  /** `kubectl`, `statefulset-controller` ... */
  readonly manager: string;
  /** The version in which the fields are named: `apps/v1`. */
  readonly apiVersion: string;
  /** RFC 3339. */
  readonly time: string;
  readonly subresource?: string;
}

/** An object whose fields have owners. */
export interface Managed {
  readonly metadata: { readonly managedFields?: readonly ManagedFieldsEntry[] };
}

/** As many managers that update as one object names; the oldest beyond become one. */
const MAX_UPDATERS = 10;
const ANCIENT = 'ancient-changes';

/** Who owned the fields of an object that was written before anybody was asked who writes. */
const BEFORE_FIRST_APPLY = 'before-first-apply';

/** The fields of an entry; `fieldsV1` came from a writer that was checked, or from ourselves. */
export function fieldsOfEntry(entry: ManagedFieldsEntry): FieldSet {
  const { fieldsV1 } = entry;
  return typeof fieldsV1 === 'object' && fieldsV1 !== null ? (fieldsV1 as FieldSet) : {};
}

export function isEntryOf(entry: ManagedFieldsEntry, operation: ManagerOperation, writer: Writer): boolean {
  return (
    entry.operation === operation &&
    entry.manager === writer.manager &&
    (entry.subresource ?? '') === (writer.subresource ?? '') &&
    // An applier is the same one whatever version it applies in.
    (operation === 'Apply' || entry.apiVersion === writer.apiVersion)
  );
}

export function entryOf(operation: ManagerOperation, writer: Writer, fields: FieldSet): ManagedFieldsEntry {
  return {
    manager: writer.manager,
    operation,
    apiVersion: writer.apiVersion,
    time: writer.time,
    fieldsType: 'FieldsV1',
    fieldsV1: fields,
    ...(writer.subresource !== undefined && writer.subresource !== '' && { subresource: writer.subresource }),
  };
}

/** Metadata that the server keeps, which nobody owns. */
const SERVER_METADATA = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'generation',
  'managedFields',
  'resourceVersion',
  'selfLink',
].map((name) => `f:${name}`);

/** The set without what nobody owns. */
export function ownable(set: FieldSet): FieldSet {
  const metadata = set['f:metadata'];
  const whole = metadata !== undefined && SERVER_METADATA.some((element) => Object.hasOwn(metadata, element));
  if (!whole && !Object.hasOwn(set, 'f:apiVersion') && !Object.hasOwn(set, 'f:kind')) return set;
  const result: OpenFieldSet = { ...set };
  delete result['f:apiVersion'];
  delete result['f:kind'];
  if (whole) {
    const kept: OpenFieldSet = { ...metadata };
    for (const element of SERVER_METADATA) delete kept[element];
    if (isEmptySet(kept)) delete result['f:metadata'];
    else result['f:metadata'] = kept;
  }
  return result;
}

/** The managers of a stored object. One that nobody manages is taken to have had one writer. */
export function ownersOf(object: object & Managed, type: ObjectType, writer: Writer): readonly ManagedFieldsEntry[] {
  const entries = object.metadata.managedFields ?? [];
  if (entries.length > 0) return entries;
  const fields = ownable(writtenFields(object, type));
  const { subresource: _, ...before } = { ...writer, manager: BEFORE_FIRST_APPLY };
  return isEmptySet(fields) ? [] : [entryOf('Update', before, fields)];
}

/**
 * The owners of the fields of `after`, which an update made of `before` (undefined: a create). Fields that changed are
 * now the writer's, and nobody else's; fields that are gone are nobody's. The list that `after` came with is where this
 * starts from. Returns that same list when nothing changed.
 */
export function trackManagers(
  before: Managed | undefined,
  after: Managed,
  type: ObjectType,
  writer: Writer,
): readonly ManagedFieldsEntry[] | undefined {
  const known = trusted(before?.metadata.managedFields, after.metadata.managedFields);
  const changes = before === after ? NO_CHANGES : compareFields(before ?? {}, after, type);
  const changed = ownable(changes.changed);
  const removed = ownable(changes.removed);
  if (isEmptySet(changed) && isEmptySet(removed)) return isReset(known) ? undefined : known;
  const entries = isReset(known) ? [] : (known ?? (before === undefined ? [] : ownersOf(before, type, writer)));
  return limited(withUpdate(entries, { changed, removed }, writer));
}

const NO_CHANGES: FieldChanges = { changed: {}, removed: {} };

type Entries = readonly ManagedFieldsEntry[] | undefined;

/** The entries a client sent, or those there were when it sent something that is none. */
function trusted(before: Entries, given: Entries): Entries {
  if (given === before || given === undefined || isReset(given) || given.every(isWellFormed)) return given;
  return before;
}

function isWellFormed({ manager, operation, fieldsV1 }: ManagedFieldsEntry): boolean {
  return (
    manager !== undefined &&
    (operation === 'Apply' || operation === 'Update') &&
    typeof fieldsV1 === 'object' &&
    isFieldSet(fieldsV1, 0)
  );
}

/** Deeper than the fields of any object. */
const DEEPEST = 100;

function isFieldSet(value: unknown, depth: number): boolean {
  if (!isJsonObject(value) || depth > DEEPEST) return false;
  return Object.entries(value).every(([element, child]) => ELEMENT.test(element) && isFieldSet(child, depth + 1));
}

const ELEMENT = /^(\.$|f:|v:|i:|k:\{)/;

/** How a client asks for a clean slate: a list with one empty entry. */
function isReset(entries: readonly ManagedFieldsEntry[] | undefined): boolean {
  return entries?.length === 1 && Object.keys(entries[0] ?? {}).length === 0;
}

function withUpdate(
  entries: readonly ManagedFieldsEntry[],
  { changed, removed }: FieldChanges,
  writer: Writer,
): readonly ManagedFieldsEntry[] {
  const result: ManagedFieldsEntry[] = [];
  let found = false;
  for (const entry of entries) {
    const fields = fieldsOfEntry(entry);
    if (isEntryOf(entry, 'Update', writer)) {
      found = true;
      const own = union(without(fields, removed), changed);
      if (!isEmptySet(own)) {
        const same = own === fields && entry.time === writer.time;
        result.push(same ? entry : { ...entry, time: writer.time, fieldsV1: own });
      }
      continue;
    }
    const rest = without(difference(fields, changed), removed);
    if (!isEmptySet(rest)) result.push(rest === fields ? entry : { ...entry, fieldsV1: rest });
  }
  if (!found && !isEmptySet(changed)) result.push(entryOf('Update', writer, changed));
  return result;
}

/** Joins the oldest updaters when there are too many. */
function limited(entries: readonly ManagedFieldsEntry[]): readonly ManagedFieldsEntry[] {
  const updaters = entries.filter((entry) => entry.operation === 'Update');
  if (updaters.length <= MAX_UPDATERS) return entries;
  const oldest = updaters
    .toSorted((a, b) => ((a.time ?? '') < (b.time ?? '') ? -1 : 1))
    .slice(0, updaters.length - MAX_UPDATERS + 1);
  const joined = new Set(oldest);
  const newest = oldest.at(-1);
  const ancient: ManagedFieldsEntry = {
    ...newest,
    manager: ANCIENT,
    fieldsV1: oldest.reduce<FieldSet>((all, entry) => union(all, fieldsOfEntry(entry)), {}),
  };
  return [ancient, ...entries.filter((entry) => !joined.has(entry))];
}
