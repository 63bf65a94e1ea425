import { stringify } from 'yaml';

/** Where a command writes: the process's streams, or a test's. */
export interface Output {
  /** One line to standard output. */
  line(text?: string): void;
  /** Text to standard output as it is. */
  text(text: string): void;
  /** One line to standard error: progress, warnings. */
  note(text: string): void;
  readonly isTerminal: boolean;
  /** Columns of the terminal; 80 when there is none. */
  readonly columns: number;
}

export const processOutput: Output = {
  line: (text = '') => void process.stdout.write(`${text}\n`),
  text: (text) => void process.stdout.write(text),
  note: (text) => void process.stderr.write(`${text}\n`),
  get isTerminal() {
    return process.stdout.isTTY === true;
  },
  get columns() {
    return process.stdout.columns || 80; // a terminal of unknown size says 0
  },
};

/** Columns set off by three spaces, as kubectl prints them. */
export function formatTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  widths: number[] = [],
): readonly string[] {
  const all = header.length > 0 ? [header, ...rows] : rows;
  for (const row of all) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3)))
      .join('')
      .trimEnd(),
  );
}

/** An object or a list of them in YAML, as kubectl prints it. */
export function toYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, aliasDuplicateObjects: false });
}

export function toJson(value: unknown): string {
  return `${JSON.stringify(value, null, 4)}\n`;
}
