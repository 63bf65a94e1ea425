import { apiError } from '../../api/errors.ts';
import type { ManagedFieldsEntry } from '../../api/generated/types.ts';
import type { ObjectType } from '../../api/schema-types.ts';
import { isJsonObject, type JsonObject, sameValue } from '../values.ts';
import {
  difference,
  type FieldSet,
  formatPath,
  intersection,
  isEmptySet,
  pathsOf,
  union,
  without,
} from './field-set.ts';
import { entryOf, fieldsOfEntry, isEntryOf, type Managed, ownable, ownersOf, type Writer } from './managers.ts';
import { appliedFields, compareFields } from './object-fields.ts';
import { mergeConfiguration, withoutFields } from './typed-merge.ts';

export interface Application {
  readonly type: ObjectType;
  /** What is stored; undefined when the object does not exist yet. */
  readonly live: (object & Managed) | undefined;
  /** What the applier wants, decoded: only the fields it has an opinion on. */
  readonly config: object;
  readonly writer: Writer;
  /** Take over fields that others own with another value. */
  readonly force: boolean;
  /** Fills in the server's defaults, so that what only they add is no change of a field that another owns. */
  readonly complete?: (object: object) => object;
}

/**
 * Server-side apply: `live` with the configuration merged in, with what this applier applied before and does not any
 * more taken out (unless somebody else owns it too), and with `metadata.managedFields` saying so. The result has not
 * been defaulted or validated, and must not be tracked as an update again.
 *
 * Throws a Conflict (409) with a cause `FieldManagerConflict` for each field that another manager owns and that would
 * change, unless `force`; BadRequest for a configuration that says who manages fields.
 */
export function applyConfiguration({
  type,
  live,
  config,
  writer,
  force,
  complete = (object) => object,
}: Application): object {
  assertApplicable(config, writer);
  const configuration: JsonObject = { ...config };
  const named = withoutForeign(appliedFields(config, type), writer);
  const applied = ownable(named);
  const entries = live === undefined ? [] : ownersOf(live, type, writer);
  const previous = entries.find((entry) => isEntryOf(entry, 'Apply', writer));
  const others = entries.filter((entry) => entry !== previous);

  const merged = mergeConfiguration(live, configuration, type);
  const last = previous === undefined ? undefined : fieldsOfEntry(previous);
  // With the name in it, which nobody owns: the metadata stays, whatever else of it goes.
  const kept = others.reduce<FieldSet>((all, entry) => union(all, fieldsOfEntry(entry)), named);
  const pruned = last === undefined ? merged : withoutFields(merged, type, last, kept);

  const changes = live === undefined ? undefined : compareFields(live, complete(pruned), type);
  const changed = ownable(changes?.changed ?? {});
  const removed = ownable(changes?.removed ?? {});
  const conflicts = others.flatMap((entry) => conflictsWith(entry, changed));
  if (conflicts.length > 0 && !force) throw applyConflict(conflicts);

  const remaining = others.flatMap((entry) => {
    const fields = fieldsOfEntry(entry);
    const rest = without(difference(fields, changed), removed);
    if (isEmptySet(rest)) return [];
    return [rest === fields ? entry : { ...entry, fieldsV1: rest }];
  });
  const unchanged = isEmptySet(changed) && isEmptySet(removed) && last !== undefined && sameValue(last, applied);
  const own = unchanged && previous !== undefined ? previous : entryOf('Apply', writer, applied);
  const managedFields = isEmptySet(applied) ? remaining : inOrder(entries, previous, own, remaining);
  const metadata = isJsonObject(pruned.metadata) ? pruned.metadata : {};
  return { ...pruned, metadata: { ...metadata, managedFields } };
}

function assertApplicable(config: object, writer: Writer): void {
  if (writer.manager === '') {
    throw apiError(
      'Invalid',
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
      {
        causes: [
          {
            reason: 'FieldValueRequired',
            message: 'Required value: is required for apply patch',
            field: 'fieldManager',
          },
        ],
      },
    );
  }
  const { metadata } = config as { readonly metadata?: unknown };
  const { managedFields } = isJsonObject(metadata) ? metadata : {};
  if (Array.isArray(managedFields) && managedFields.length > 0) {
    throw apiError('BadRequest', 'metadata.managedFields must be nil');
  }
}

/** A route writes either the status or everything else; what it does not write, it does not own. */
function withoutForeign(applied: FieldSet, { subresource = '' }: Writer): FieldSet {
  const { 'f:status': status, ...rest } = applied;
  if (subresource !== 'status') return status === undefined ? applied : rest;
  const { 'f:spec': _spec, ...others } = applied;
  return others;
}

/** The applier's entry stays where it was. */
function inOrder(
  entries: readonly ManagedFieldsEntry[],
  previous: ManagedFieldsEntry | undefined,
  own: ManagedFieldsEntry,
  remaining: readonly ManagedFieldsEntry[],
): readonly ManagedFieldsEntry[] {
  const at = previous === undefined ? -1 : entries.indexOf(previous);
  if (at < 0) return [...remaining, own];
  const before = remaining.filter((entry) => entries.findIndex((known) => sameOwner(known, entry)) < at);
  return [...before, own, ...remaining.slice(before.length)];
}

function sameOwner(a: ManagedFieldsEntry, b: ManagedFieldsEntry): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    a.apiVersion === b.apiVersion
  );
}

interface Conflict {
  readonly manager: string;
  readonly path: string;
}

function conflictsWith(entry: ManagedFieldsEntry, changed: FieldSet): readonly Conflict[] {
  const contested = intersection(fieldsOfEntry(entry), changed);
  if (contested === undefined) return [];
  const manager = nameOf(entry);
  return pathsOf(contested).map((path) => ({ manager, path: formatPath(path) }));
}

/** `"kubectl" using apps/v1`, as messages name a manager. */
function nameOf(entry: ManagedFieldsEntry): string {
  const subresource = entry.subresource ? ` with subresource ${JSON.stringify(entry.subresource)}` : '';
  const version = entry.operation === 'Update' ? ` using ${entry.apiVersion ?? ''}` : '';
  return `${JSON.stringify(entry.manager ?? '')}${subresource}${version}`;
}

function applyConflict(conflicts: readonly Conflict[]): Error {
  const causes = conflicts.map(({ manager, path }) => ({
    reason: 'FieldManagerConflict',
    message: `conflict with ${manager}`,
    field: path,
  }));
  return apiError('Conflict', conflictMessage(conflicts), { causes });
}

function conflictMessage(conflicts: readonly Conflict[]): string {
  const [only] = conflicts;
  if (conflicts.length === 1 && only !== undefined) {
    return `Apply failed with 1 conflict: conflict with ${only.manager}: ${only.path}`;
  }
  const lines = [...new Set(conflicts.map(({ manager }) => manager))]
    .sort()
    .flatMap((manager) => [
      `conflicts with ${manager}:`,
      ...conflicts.filter((conflict) => conflict.manager === manager).map(({ path }) => `- ${path}`),
    ]);
  return `Apply failed with ${conflicts.length} conflicts: ${lines.join('\n')}`;
}
