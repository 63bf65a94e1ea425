/** A port that cannot be reached, and why. */
export interface Unreachable {
  readonly name: string;
  readonly message: string;
  /** It may be had soon, and nobody need be told yet. */
  readonly isNotYet?: boolean;
}
