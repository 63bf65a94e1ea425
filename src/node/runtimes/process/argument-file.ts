/**
 * Arguments as the scripts read them: each is a line with the number of its lines, then these lines. So every byte of
 * an argument comes through a POSIX shell as it is (NUL cannot be in one), and nothing of it is ever parsed as shell.
 */
export function argumentFile(values: readonly string[]): string {
  let text = '';
  for (const value of values) text += `${value.split('\n').length}\n${value}\n`;
  return text;
}
