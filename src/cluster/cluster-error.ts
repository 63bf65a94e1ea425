/** A cluster could not be started or ended; `hint` says what to do about it. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  readonly hint: string | undefined;

  constructor(message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}
