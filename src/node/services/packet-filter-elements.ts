/** What a set of the packet filter contains: nothing is written as nothing. */
export function elements(list: readonly string[]): string {
  return list.length === 0 ? '' : `    elements = { ${[...new Set(list)].join(', ')} }\n`;
}
