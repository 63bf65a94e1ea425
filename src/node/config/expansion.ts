const REFERENCE = /\$(?:\$|\(([^)]*)\))/g;

/**
 * Replaces `$(NAME)` by the value of NAME. A name that is not defined stays as it is written, and `$$` stands for a
 * dollar sign, so that `$$(NAME)` is a way to write `$(NAME)`.
 */
export function expand(text: string, valueFor: (name: string) => string | undefined): string {
  return text.replace(REFERENCE, (whole, name: string | undefined) =>
    name === undefined ? '$' : (valueFor(name) ?? whole),
  );
}
