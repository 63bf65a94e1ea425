import type { Event, EventsEvent } from '../../api/generated/types.ts';
import { type FieldRequirement, formatFieldSelector, parseFieldSelector } from '../../api/selectors.ts';

type Fields = Readonly<Record<string, unknown>>;

/** How `events.k8s.io/v1` calls what `v1` calls otherwise. */
const NAMES = [
  ['note', 'message'],
  ['regarding', 'involvedObject'],
  ['reportingController', 'reportingComponent'],
  ['deprecatedSource', 'source'],
  ['deprecatedFirstTimestamp', 'firstTimestamp'],
  ['deprecatedLastTimestamp', 'lastTimestamp'],
  ['deprecatedCount', 'count'],
] as const;

const toStored: ReadonlyMap<string, string> = new Map(NAMES);
const toShown: ReadonlyMap<string, string> = new Map(NAMES.map(([shown, stored]) => [stored, shown]));

/** The event as it is stored: of `v1`, whichever group it was written through. */
export function storedEvent(event: EventsEvent): Event {
  const renamed = rename({ ...event }, toStored);
  // `v1` does not go without an object; an event about nothing is about an object without a name.
  return { involvedObject: {}, ...renamed, apiVersion: 'v1', kind: 'Event' } as Event;
}

/** A stored event as `events.k8s.io/v1` shows it. */
export function shownEvent(event: Event): EventsEvent {
  return { ...rename({ ...event }, toShown), apiVersion: 'events.k8s.io/v1', kind: 'Event' } as EventsEvent;
}

function rename(fields: Fields, names: ReadonlyMap<string, string>): Fields {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [names.get(name) ?? name, value]));
}

/** A field selector of `events.k8s.io/v1` in the words of `v1`. Throws `SelectorSyntaxError`. */
export function storedFieldSelector(selector: string): string {
  return formatFieldSelector(parseFieldSelector(selector).map(storedRequirement));
}

function storedRequirement(requirement: FieldRequirement): FieldRequirement {
  const [first = '', ...rest] = requirement.field.split('.');
  return { ...requirement, field: [toStored.get(first) ?? first, ...rest].join('.') };
}
