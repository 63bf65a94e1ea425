/**
 * Text in lines of at most `columns`, broken between words where there are any, each begun with `indent`. What is more
 * than `mostLines` is cut off, and the last line says so.
 */
export function wrap(text: string, columns: number, indent: string, mostLines: number): readonly string[] {
  const room = Math.max(1, columns - indent.length);
  const lines: string[] = [];
  let rest = text.trim();
  while (rest !== '' && lines.length < mostLines) {
    const space = rest.length > room ? rest.lastIndexOf(' ', room) : rest.length;
    const end = space > 0 ? space : room;
    lines.push(indent + rest.slice(0, end).trimEnd());
    rest = rest.slice(end).trimStart();
  }
  if (rest !== '') lines.push(clip(`${lines.pop()} ${rest}`, columns));
  return lines;
}

/** One line of at most `columns`. */
export function clip(text: string, columns: number): string {
  return text.length > columns ? `${text.slice(0, Math.max(0, columns - 1))}…` : text;
}
