import { accessSync, constants } from 'node:fs';
import path from 'node:path';

import { TOOL_PATH } from './run.ts';

const found = new Map<string, string>();

/** The path of a tool of the system. Throws when it is not installed. */
export function tool(name: string): string {
  let file = found.get(name);
  if (file === undefined) {
    file = findTool(name);
    if (file === undefined) throw new Error(`${name} is not installed on this machine`);
    found.set(name, file);
  }
  return file;
}

export function findTool(name: string): string | undefined {
  for (const directory of TOOL_PATH.split(':')) {
    const file = path.join(directory, name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // not in this one
    }
  }
  return undefined;
}
