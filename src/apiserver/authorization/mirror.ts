import { formatKey, type KubernetesObject, keyOf } from '../../api/meta.ts';
import type { ResourceType } from '../../api/resource-type.ts';
import type { Logger } from '../../platform/logger.ts';
import type { Registry } from '../../registry/requests.ts';

/** The objects of a kind, kept up to date from the first time they are asked for. */
export class Mirror<T extends KubernetesObject> {
  readonly #registry: Registry;
  readonly #type: ResourceType<T>;
  readonly #logger: Logger;
  readonly #changed: (object: T | undefined, old: T | undefined) => void;
  readonly #objects = new Map<string, T>();
  #watch: { stop(): void } | undefined;
  #complete: Promise<void> | undefined;

  /** `changed` is told of every change, for those who keep an index. */
  constructor(
    registry: Registry,
    type: ResourceType<T>,
    logger: Logger,
    changed: (object: T | undefined, old: T | undefined) => void = () => {},
  ) {
    this.#registry = registry;
    this.#type = type;
    this.#logger = logger;
    this.#changed = changed;
  }

  /** Resolves when everything there is has been read. */
  read(): Promise<void> {
    this.#complete ??= new Promise((resolve) => {
      this.#watch = this.#registry.watch(
        this.#type,
        { sendInitialEvents: true },
        {
          events: (batch) => {
            for (const event of batch) {
              if (event.type === 'BOOKMARK') resolve();
              else this.#set(event.item.object, event.type === 'DELETED');
            }
          },
          closed: (error) => {
            if (error !== undefined) {
              this.#logger.warn('what authorization knows must be read again', { error: error.message });
            }
            this.#complete = undefined;
            for (const object of this.#objects.values()) this.#changed(undefined, object);
            this.#objects.clear();
            resolve();
          },
        },
      );
    });
    return this.#complete;
  }

  get(key: { readonly namespace?: string; readonly name: string }): T | undefined {
    return this.#objects.get(formatKey(key));
  }

  values(): Iterable<T> {
    return this.#objects.values();
  }

  close(): void {
    this.#watch?.stop();
  }

  #set(object: T, gone: boolean): void {
    const key = formatKey(keyOf(object));
    const old = this.#objects.get(key);
    if (gone) this.#objects.delete(key);
    else this.#objects.set(key, object);
    this.#changed(gone ? undefined : object, old);
  }
}
