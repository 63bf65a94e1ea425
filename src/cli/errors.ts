/** Something the person at the command line can mend. Shown as `berth: message`, with the hint below. */
export class CliError extends Error {
  override readonly name = 'CliError';
  /** What to do about it: a command, or a sentence. */
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(message: string, options: { readonly hint?: string; readonly exitCode?: number } = {}) {
    super(message);
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}
