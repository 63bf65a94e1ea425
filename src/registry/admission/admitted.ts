import type { KubernetesObject } from '../../api/meta.ts';
import type { AnyObject } from '../strategies/strategy.ts';

/** An object as the cluster takes it in. */
export interface Admitted {
  readonly object: AnyObject;
  /**
   * Ends what was set aside for the object (addresses, ports) while it was being written. Must be called when it is
   * stored, and when it is not going to be.
   */
  release(): void;
}

/** `release` is left out when nothing was set aside. */
export function admittedAs(object: KubernetesObject, release: () => void = () => {}): Admitted {
  return { object, release };
}
