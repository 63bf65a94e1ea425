import type { KubernetesObject } from '../../api/meta.ts';
import type { Clock } from '../../platform/clock.ts';

/** An object of any kind, with the two parts most kinds have. */
export interface AnyObject extends KubernetesObject {
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly status?: Readonly<Record<string, unknown>>;
}

/**
 * What is particular to a kind, as data. What is not said here is the same for all kinds. The functions are pure and
 * return new objects.
 */
export interface Strategy<T extends KubernetesObject = KubernetesObject> {
  /** `status`, `scale`, `binding` ... With `status` the object and its status are written separately. */
  readonly subresources: readonly string[];
  /** `metadata.generation` counts the changes of what is not status. */
  readonly generation: boolean;
  /** A new object keeps the status it comes with: nodes register themselves. */
  readonly keepsInitialStatus: boolean;
  /** PUT of a name that does not exist creates it. */
  readonly createOnUpdate: boolean;
  /** PUT without a resourceVersion replaces whatever is there. */
  readonly unconditionalUpdate: boolean;
  /** Deleting marks the object first, and another delete with a grace period of 0 removes it. */
  readonly graceful: boolean;
  /** Whether the garbage collector has anything to do with the kind: events have no dependents. */
  readonly collected: boolean;
  /** What field selectors can ask for besides `metadata.name` and `metadata.namespace`. */
  readonly fields: Readonly<Record<string, (object: never) => string>>;

  /** The parts of a new object that its creator does not decide. */
  prepareCreate?(object: T, clock: Clock): T;
  /** The same for a changed object; `old` is what is stored. */
  prepareUpdate?(object: T, old: T, clock: Clock): T;
  /** The same for a changed status. */
  prepareStatus?(object: T, old: T, clock: Clock): T;
  /**
   * What a route besides the main one and `status` makes of the object when the caller sends `given`; undefined when
   * there is no such route.
   */
  throughRoute?(subresource: string, given: T, old: T): T | undefined;
  /** What changes in an object when it begins to end. */
  prepareDelete?(object: T): T;
}

/** A strategy with `particular` in place of what holds for most kinds. */
export function strategy<T extends KubernetesObject>(particular: Partial<Strategy<T>>): Strategy<T> {
  return {
    subresources: [],
    generation: false,
    keepsInitialStatus: false,
    createOnUpdate: false,
    unconditionalUpdate: true,
    graceful: false,
    collected: true,
    fields: {},
    ...particular,
  };
}
