import { customTypes } from '../../api/custom-types.ts';
import { isNotFound } from '../../api/errors.ts';
import type { CustomResourceDefinition, CustomResourceDefinitionCondition } from '../../api/generated/types.ts';
import { CustomResourceDefinitions } from '../../api/kinds.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Informer } from '../../client/informer.ts';
import { timestamp } from '../../platform/clock.ts';
import { type Controller, type ReconcileResult, runController } from '../controller.ts';
import type { ControllerParts } from '../parts.ts';

export interface CustomResourceControllerOptions extends Omit<ControllerParts, 'events'> {
  /** Told of kinds that come and go: whoever follows all kinds. */
  readonly followers: readonly KindFollower[];
}

export interface KindFollower {
  follow(type: ResourceType): void;
  unfollow(type: ResourceType): void;
}

const FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';
/** While objects are left they are looked at again this often, and the wait doubles up to the longest. */
const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 5000;

/**
 * Starts the controller of custom resources: a definition that is deleted goes when all its objects have gone, one that
 * waits for its names gets them when they are free, and those who follow all kinds are told of new ones.
 */
export function startCustomResourceController(options: CustomResourceControllerOptions): Controller {
  return new CustomResourceController(options).start();
}

class CustomResourceController {
  readonly #options: CustomResourceControllerOptions;
  readonly #definitions: Informer<CustomResourceDefinition>;
  /** The kind that is followed for each definition: of all versions one, as they show the same objects. */
  readonly #followed = new Map<string, ResourceType>();
  readonly #waits = new Map<string, number>();

  constructor(options: CustomResourceControllerOptions) {
    this.#options = options;
    this.#definitions = options.informers.get(CustomResourceDefinitions);
  }

  start(): Controller {
    const { clock, logger } = this.#options;
    return runController({
      name: 'custom-resources',
      clock,
      logger,
      reconcile: (name) => this.#reconcile(name),
      caches: [this.#definitions],
      follow: (queue) => [
        this.#definitions.subscribe((changes) => {
          for (const { type, object } of changes) {
            queue.enqueue(object.metadata.name);
            // Names may have become free.
            if (type !== 'added') for (const other of this.#waiting()) queue.enqueue(other);
          }
        }),
      ],
    });
  }

  *#waiting(): Iterable<string> {
    for (const { metadata, status } of this.#definitions.list()) {
      const accepted = status?.conditions?.find(({ type }) => type === 'NamesAccepted')?.status;
      if (accepted !== 'True') yield metadata.name;
    }
  }

  async #reconcile(name: string): Promise<ReconcileResult | undefined> {
    const definition = this.#definitions.get({ name });
    const types = definition === undefined ? [] : customTypes(definition);
    this.#tellFollowers(name, types[0]);
    if (definition === undefined) {
      this.#waits.delete(name);
      return undefined;
    }
    if (definition.metadata.deletionTimestamp !== undefined) return this.#end(definition, types[0]);
    const accepted = definition.status?.conditions?.find(({ type }) => type === 'NamesAccepted')?.status;
    // Every write of a definition decides anew about its names, and is none when nothing comes of it.
    if (accepted !== 'True') await this.#write(name, {});
    return undefined;
  }

  #tellFollowers(name: string, type: ResourceType | undefined): void {
    const before = this.#followed.get(name);
    if (before?.version === type?.version) return;
    const { followers, informers } = this.#options;
    if (before !== undefined) {
      for (const follower of followers) follower.unfollow(before);
      informers.forget(before);
    }
    if (type === undefined) this.#followed.delete(name);
    else {
      this.#followed.set(name, type);
      for (const follower of followers) follower.follow(type);
    }
  }

  /** Deletes the objects, and lets the definition go when there are none. */
  async #end(
    definition: CustomResourceDefinition,
    type: ResourceType | undefined,
  ): Promise<ReconcileResult | undefined> {
    const { name, finalizers = [] } = definition.metadata;
    if (!finalizers.includes(FINALIZER)) return undefined;
    const left = type === undefined ? 0 : await this.#deleteAll(type);
    if (left === 0) {
      await this.#write(name, { metadata: { finalizers: finalizers.filter((each) => each !== FINALIZER) } });
      return undefined;
    }
    await this.#tell(definition, left);
    const waitMs = this.#waits.get(name) ?? FIRST_LOOK_MS;
    this.#waits.set(name, Math.min(LONGEST_LOOK_MS, waitMs * 2));
    return { requeueAfterMs: waitMs };
  }

  /** How many objects are left, in all namespaces. */
  async #deleteAll(type: ResourceType): Promise<number> {
    const { client } = this.#options;
    const before = await client.list(type);
    if (before.items.length === 0) return 0;
    await client.deleteCollection(type, {}, { propagationPolicy: 'Background' });
    return (await client.list(type)).items.length;
  }

  /** Says on the definition what it waits for; only when that is news. */
  async #tell(definition: CustomResourceDefinition, left: number): Promise<void> {
    const told: CustomResourceDefinitionCondition = {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionInProgress',
      message: `${left} ${left === 1 ? 'object is' : 'objects are'} left, held by finalizers`,
    };
    const conditions = definition.status?.conditions ?? [];
    const known = conditions.find(({ type }) => type === told.type);
    if (known?.message === told.message) return;
    const lastTransitionTime = known?.lastTransitionTime ?? timestamp(this.#options.clock.now());
    const others = conditions.filter(({ type }) => type !== told.type);
    await this.#write(
      definition.metadata.name,
      { status: { conditions: [...others, { lastTransitionTime, ...told }] } },
      'status',
    );
  }

  async #write(name: string, body: object, subresource?: string): Promise<void> {
    const options = subresource === undefined ? {} : { subresource };
    try {
      await this.#options.client.patch(CustomResourceDefinitions, { name }, { type: 'merge', body }, options);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
