import type { Event } from '../../api/generated/types.ts';
import { checkQualifiedName } from '../../api/names.ts';
import { checkRequiredName } from './checks.ts';
import { type Errors, invalidValue, required } from './field-errors.ts';
import { checkImmutable } from './metadata-validation.ts';

/** In characters. */
const LONGEST_WORD = 128;
const LONGEST_MESSAGE = 1024;

/** What holds for an event through whichever group it is written. */
export function validateEvent(event: Event, errors: Errors): void {
  const { involvedObject, metadata } = event;
  const about = involvedObject.namespace ?? '';
  // What is in no namespace has its events in the default one.
  if (metadata.namespace !== (about === '' ? 'default' : about)) {
    errors.push(invalidValue('involvedObject.namespace', about, 'does not match event.namespace'));
  }
  if (event.eventTime !== undefined) validateNewStyle(event, 'reportingComponent', errors);
}

function validateNewStyle(event: Event, controller: string, errors: Errors): void {
  checkRequiredName(event.reportingComponent, checkQualifiedName, controller, errors);
  checkWord(event.reportingInstance, 'reportingInstance', errors);
  checkWord(event.action, 'action', errors);
  checkWord(event.reason, 'reason', errors);
  if ((event.message ?? '').length > LONGEST_MESSAGE) {
    errors.push(invalidValue('message', '', `can have at most ${LONGEST_MESSAGE} characters`));
  }
}

function checkWord(word: string | undefined, field: string, errors: Errors): void {
  if (word === undefined || word === '') errors.push(required(field));
  else if (word.length > LONGEST_WORD) {
    errors.push(invalidValue(field, '', `can have at most ${LONGEST_WORD} characters`));
  }
}

const FORMER = ['firstTimestamp', 'lastTimestamp', 'count', 'source'] as const;

/** What `events.k8s.io/v1` asks of a new event besides, in the words it is stored in. */
export function validateStrictEvent(event: Event, errors: Errors): void {
  checkSeries(event, errors);
  if (event.eventTime === undefined) errors.push(required('eventTime'));
  validateNewStyle(event, 'reportingController', errors);
  if (event.type !== 'Normal' && event.type !== 'Warning') {
    errors.push(invalidValue('type', '', `has invalid value: ${event.type ?? ''}`));
  }
  for (const field of FORMER) {
    const value = event[field];
    const isUnset = value === undefined || value === 0 || (typeof value === 'object' && !hasText(value));
    if (!isUnset) errors.push(invalidValue(field, '', 'needs to be unset'));
  }
}

const FIXED = [
  'involvedObject',
  'reason',
  'message',
  ...FORMER,
  'eventTime',
  'action',
  'related',
  'reportingComponent',
  'reportingInstance',
  'type',
] as const;

/** Through `events.k8s.io/v1` only the series of an event changes. */
export function validateStrictEventChange(event: Event, old: Event, errors: Errors): void {
  if (event.series !== undefined && JSON.stringify(event.series) !== JSON.stringify(old.series)) {
    checkSeries(event, errors);
  }
  for (const field of FIXED) checkImmutable(event[field], old[field], field, errors);
}

function checkSeries({ series }: Event, errors: Errors): void {
  if (series === undefined) return;
  if ((series.count ?? 0) < 2) errors.push(invalidValue('series.count', '', 'should be at least 2'));
  if (series.lastObservedTime === undefined) errors.push(required('series.lastObservedTime'));
}

const hasText = (value: object): boolean => Object.values(value).some((text) => text !== undefined && text !== '');
