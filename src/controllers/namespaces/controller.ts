import { isConflict, isNotFound } from '../../api/errors.ts';
import type { Namespace, NamespaceCondition } from '../../api/generated/types.ts';
import { Events, EventsEvents, Namespaces } from '../../api/kinds.ts';
import type { KubernetesObject } from '../../api/meta.ts';
import { qualifiedName, type ResourceType } from '../../api/resource-type.ts';
import type { Informer } from '../../client/informer.ts';
import { timestamp } from '../../platform/clock.ts';
import { type Controller, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';

export interface NamespaceControllerOptions extends Omit<ControllerParts, 'events'> {
  /** The kinds whose objects a namespace can hold; asked anew each time, so that custom ones are among them. */
  readonly types: () => readonly ResourceType[];
}

const FINALIZER = 'kubernetes';
/** While something is left the namespace is looked at again this often, and the wait doubles up to the longest. */
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 5000;

/** What is left of one kind. */
interface Remainder {
  readonly type: ResourceType;
  readonly objects: readonly KubernetesObject[];
}

/** Starts the namespace controller: it empties namespaces that are being deleted, and then lets them go. */
export function startNamespaceController(options: NamespaceControllerOptions): Controller {
  return new NamespaceController(options).start();
}

class NamespaceController {
  readonly #options: NamespaceControllerOptions;
  readonly #namespaces: Informer<Namespace>;
  /** How long each namespace waits for the next look. */
  readonly #waits = new Map<string, number>();

  constructor(options: NamespaceControllerOptions) {
    this.#options = options;
    this.#namespaces = options.informers.get(Namespaces);
  }

  start(): Controller {
    const { clock, logger } = this.#options;
    return runController({
      name: 'namespaces',
      clock,
      logger,
      reconcile: (name) => this.#reconcile(name),
      caches: [this.#namespaces],
      follow: (queue) => [
        this.#namespaces.subscribe((changes) => {
          for (const { type, object } of changes) {
            if (type === 'deleted') this.#waits.delete(object.metadata.name);
            else if (object.metadata.deletionTimestamp !== undefined) queue.enqueue(object.metadata.name);
          }
        }),
      ],
    });
  }

  async #reconcile(name: string): Promise<ReconcileResult | undefined> {
    const namespace = this.#namespaces.get({ name });
    if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
    const types = this.#options.types().filter((type) => type.namespaced);
    await Promise.all(types.map((type) => this.#deleteAll(type, name)));
    const left = (await Promise.all(types.map((type) => this.#remainder(type, name)))).filter(
      ({ objects }) => objects.length > 0,
    );
    if (left.length === 0) {
      await this.#finalize(namespace);
      return undefined;
    }
    await this.#tell(namespace, left);
    const waitMs = this.#waits.get(name) ?? FIRST_LOOK_MS;
    this.#waits.set(name, Math.min(LONGEST_LOOK_MS, waitMs * 2));
    return { requeueAfterMs: waitMs };
  }

  async #deleteAll(type: ResourceType, namespace: string): Promise<void> {
    const { items } = await this.#options.client.list(type, { namespace, limit: 1 });
    if (items.length === 0) return;
    await this.#options.client.deleteCollection(type, { namespace }, { propagationPolicy: 'Background' });
  }

  async #remainder(type: ResourceType, namespace: string): Promise<Remainder> {
    // What is told about the end of a namespace does not hold it up for ever.
    const isChatter = type.kind === Events.kind || type.kind === EventsEvents.kind;
    if (isChatter) return { type, objects: [] };
    return { type, objects: (await this.#options.client.list(type, { namespace })).items };
  }

  /** Removes our own finalizer; another's keeps the namespace until it is done. */
  async #finalize(namespace: Namespace): Promise<void> {
    const finalizers = namespace.spec?.finalizers ?? [];
    if (!finalizers.includes(FINALIZER)) return;
    const spec = { ...namespace.spec, finalizers: finalizers.filter((each) => each !== FINALIZER) };
    try {
      await this.#options.client.update(Namespaces, { ...namespace, spec }, { subresource: 'finalize' });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** Says in the namespace's conditions what is left, and which finalizers hold it; only when that is news. */
  async #tell(namespace: Namespace, left: readonly Remainder[]): Promise<void> {
    const told = [contentCondition(left), finalizersCondition(left)];
    const before = namespace.status?.conditions ?? [];
    const now = timestamp(this.#options.clock.now());
    const isNews = told.some(({ type, status, message }) => {
      const known = before.find((condition) => condition.type === type);
      return known === undefined ? status === 'True' : known.status !== status || known.message !== message;
    });
    if (!isNews) return;
    const others = before.filter(({ type }) => !told.some((condition) => condition.type === type));
    const conditions = [
      ...others,
      ...told.map((condition) => {
        const known = before.find(({ type, status }) => type === condition.type && status === condition.status);
        return { ...condition, lastTransitionTime: known?.lastTransitionTime ?? now };
      }),
    ];
    try {
      await this.#options.client.update(
        Namespaces,
        { ...namespace, status: { ...namespace.status, conditions } },
        { subresource: 'status' },
      );
    } catch (error) {
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
}

function contentCondition(left: readonly Remainder[]): NamespaceCondition {
  const parts = left.map(({ type, objects }) => `${qualifiedName(type)} has ${objects.length} resource instances`);
  return {
    type: 'NamespaceContentRemaining',
    status: 'True',
    reason: 'SomeResourcesRemain',
    message: `Some resources are remaining: ${parts.sort().join(', ')}`,
  };
}

function finalizersCondition(left: readonly Remainder[]): NamespaceCondition {
  const counts = new Map<string, number>();
  for (const { objects } of left) {
    for (const { metadata } of objects) {
      for (const finalizer of metadata.finalizers ?? []) counts.set(finalizer, (counts.get(finalizer) ?? 0) + 1);
    }
  }
  const parts = [...counts].map(([finalizer, count]) => `${finalizer} in ${count} resource instances`).sort();
  return parts.length === 0
    ? {
        type: 'NamespaceFinalizersRemaining',
        status: 'False',
        reason: 'ContentHasNoFinalizers',
        message: 'All content-preserving finalizers finished',
      }
    : {
        type: 'NamespaceFinalizersRemaining',
        status: 'True',
        reason: 'SomeFinalizersRemain',
        message: `Some content in the namespace has finalizers remaining: ${parts.join(', ')}`,
      };
}
