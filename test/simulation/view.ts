import { formatKey, type KubernetesObject, keyOf } from '../../src/api/meta.ts';
import { qualifiedName, type ResourceType } from '../../src/api/resource-type.ts';
import type { Client } from '../../src/client/client.ts';
import { intercept, type Request } from './intercept.ts';

/** What a part has been told of a resource, and what it has had confirmed. */
class Told {
  readonly objects = new Map<string, KubernetesObject>();
  version = 0;
}

/**
 * What a part knows, put together from nothing but what has arrived at it: what its caches should show. And what it has
 * written: a part that plans from less than that does not know what it has done.
 */
export class View {
  readonly #told = new Map<string, Told>();
  readonly #wrote: { readonly id: string; readonly version: number; readonly atMs: number }[] = [];
  readonly #removed: {
    readonly type: ResourceType;
    readonly key: string;
    readonly uid: string;
    readonly atMs: number;
  }[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  all<T extends KubernetesObject>(type: ResourceType<T>): Iterable<T> {
    // What is kept under the name of a resource is of its type.
    return this.#of(type).objects.values() as Iterable<T>;
  }

  get<T extends KubernetesObject>(type: ResourceType<T>, key: string): T | undefined {
    return this.#of(type).objects.get(key) as T | undefined;
  }

  /** What the part has written at or after `sinceMs` and been told so, and cannot see yet; undefined when none. */
  unseen(sinceMs: number): string | undefined {
    keep(this.#wrote, ({ id, version, atMs }) => atMs >= sinceMs && this.#of(id).version < version);
    keep(this.#removed, ({ type, key, uid, atMs }) => atMs >= sinceMs && this.get(type, key)?.metadata.uid === uid);
    const [wrote] = this.#wrote;
    if (wrote !== undefined) return `version ${wrote.version} of ${wrote.id}`;
    return this.#removed[0] && `the end of ${this.#removed[0].key}`;
  }

  client(client: Client): Client {
    return intercept(
      client,
      async (request, send) => {
        const answer = await send();
        this.#heard(request, answer);
        return answer;
      },
      (type, handler, open) => {
        const told = this.#of(type);
        return open({
          events: (batch) => {
            for (const event of batch) {
              if (event.type === 'BOOKMARK') {
                told.version = Math.max(told.version, Number(event.resourceVersion));
                continue;
              }
              const key = formatKey(keyOf(event.object));
              if (event.type === 'DELETED') told.objects.delete(key);
              else told.objects.set(key, event.object);
              told.version = Math.max(told.version, Number(event.object.metadata.resourceVersion));
            }
            handler.events(batch);
          },
          closed: (error) => handler.closed(error),
        });
      },
    );
  }

  #heard({ verb, type, name }: Request, answer: unknown): void {
    if (verb === 'list') {
      const list = answer as { items: readonly KubernetesObject[]; metadata: { resourceVersion: string } };
      const told = this.#of(type);
      told.objects.clear();
      for (const object of list.items) told.objects.set(formatKey(keyOf(object)), object);
      told.version = Number(list.metadata.resourceVersion);
    } else if (verb === 'create' || verb === 'update' || verb === 'delete') {
      const { metadata } = answer as Partial<KubernetesObject>;
      if (metadata?.uid !== undefined && metadata.resourceVersion !== undefined) {
        const version = Number(metadata.resourceVersion);
        this.#wrote.push({ id: qualifiedName(type), version, atMs: this.#now() });
      } else if (verb === 'delete') {
        for (const object of this.all(type)) {
          if (object.metadata.name !== name) continue;
          this.#removed.push({ type, key: formatKey(keyOf(object)), uid: object.metadata.uid, atMs: this.#now() });
        }
      }
    }
  }

  #of(type: ResourceType | string): Told {
    const id = typeof type === 'string' ? type : qualifiedName(type);
    let told = this.#told.get(id);
    if (told === undefined) {
      told = new Told();
      this.#told.set(id, told);
    }
    return told;
  }
}

function keep<T>(list: T[], wanted: (item: T) => boolean): void {
  list.splice(0, list.length, ...list.filter(wanted));
}
