import { apiError, invalid, isConflict, isNotFound } from '../../api/errors.ts';
import type { Event, EventsEvent } from '../../api/generated/types.ts';
import { Events, EventsEvents } from '../../api/kinds.ts';
import { SelectorSyntaxError } from '../../api/labels.ts';
import type { ObjectKey } from '../../api/meta.ts';
import { UnstoredObject } from '../core.ts';
import { readObject } from '../input.ts';
import { knownType } from '../managed-fields.ts';
import type { Operations } from '../operations.ts';
import { applyPatch } from '../patch/patch.ts';
import type { ListRequest, PatchRequest, RequestContext, StoredList, StoredObject } from '../requests.ts';
import { validateStrictEvent, validateStrictEventChange } from '../validation/event-validation.ts';
import type { Errors } from '../validation/field-errors.ts';
import { shownEvent, storedEvent, storedFieldSelector } from './events-v1.ts';

/** How often a patch that was overtaken by another write is made again. */
const ATTEMPTS = 5;

/**
 * The operations on `events.k8s.io/v1`: the same events as `v1` has, in other words. What is written through one group
 * is read through both.
 */
export function eventOperations(stored: Operations): Operations {
  async function patch(key: ObjectKey, request: PatchRequest, context: RequestContext): Promise<StoredObject> {
    if (request.type === 'apply') {
      throw apiError('UnsupportedMediaType', 'events are recorded, not applied', { type: EventsEvents });
    }
    for (let attempt = 1; ; attempt += 1) {
      const old = await stored.get(Events, key);
      const body = applyPatch(request.type, shown(old).object, request.body, knownType(EventsEvents));
      const event = asStored(body, context);
      assertStrict(event, old);
      try {
        return shown(await stored.update(Events, key, event, trusted(context)));
      } catch (error) {
        if (!isConflict(error) || namesVersion(request) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  return {
    get: async (_type, key) => shown(await stored.get(Events, key)),
    list: async (_type, request) => shownList(await stored.list(Events, inStoredWords(request))),
    async create(_type, namespace, object, context) {
      const event = asStored(object, context);
      assertStrict(event);
      return shown(await stored.create(Events, namespace, event, trusted(context)));
    },
    async update(_type, key, object, context) {
      const event = asStored(object, context);
      assertStrict(event, await found(stored.get(Events, key)));
      return shown(await stored.update(Events, key, event, trusted(context)));
    },
    patch: (_type, key, request, context) => patch(key, request, context),
    async delete(_type, key, request, context) {
      const outcome = await stored.delete(Events, key, request, context);
      return 'object' in outcome ? shown(outcome) : outcome;
    },
    deleteCollection: async (_type, list, request, context) =>
      shownList(await stored.deleteCollection(Events, inStoredWords(list), request, context)),
    watch: (_type, request, handler) =>
      stored.watch(Events, inStoredWords(request), {
        events: (batch) =>
          handler.events(
            batch.map((event) => (event.type === 'BOOKMARK' ? event : { type: event.type, item: shown(event.item) })),
          ),
        closed: (error) => handler.closed(error),
      }),
  };
}

/** The body of a request, checked in the words it is written in, in the words it is stored in. */
function asStored(body: unknown, context: RequestContext): Event {
  return storedEvent(readObject(EventsEvents, body, context) as unknown as EventsEvent);
}

/** Throws `Invalid`: this group asks for more than `v1` does, which checks the rest when it is stored. */
function assertStrict(event: Event, old?: StoredObject): void {
  const errors: Errors = [];
  const { resourceVersion = '' } = event.metadata;
  // A change of what it no longer is: the conflict is told when it is stored.
  if (old !== undefined && resourceVersion !== '' && resourceVersion !== old.object.metadata.resourceVersion) return;
  if (old === undefined) validateStrictEvent(event, errors);
  else validateStrictEventChange(event, old.object as unknown as Event, errors);
  if (errors.length > 0) throw invalid(EventsEvents, event.metadata.name, errors);
}

function found(object: Promise<StoredObject>): Promise<StoredObject | undefined> {
  return object.catch((error: unknown) => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
}

/** What is not known was dealt with in the words of the request. */
function trusted(context: RequestContext): RequestContext {
  return { ...context, fieldValidation: 'Ignore' };
}

function shown({ object }: StoredObject): StoredObject<EventsEvent> {
  return new UnstoredObject(Object.freeze(shownEvent(object as unknown as Event)));
}

function shownList(list: StoredList): StoredList {
  return { ...list, items: list.items.map(shown) };
}

function inStoredWords<R extends Pick<ListRequest, 'fieldSelector'>>(request: R): R {
  const { fieldSelector } = request;
  if (fieldSelector === undefined || fieldSelector === '') return request;
  try {
    return { ...request, fieldSelector: storedFieldSelector(fieldSelector) };
  } catch (error) {
    if (error instanceof SelectorSyntaxError) throw apiError('BadRequest', error.message);
    throw error;
  }
}

function namesVersion({ body }: PatchRequest): boolean {
  const { metadata } = (body ?? {}) as { readonly metadata?: { readonly resourceVersion?: string } };
  return metadata?.resourceVersion !== undefined;
}
