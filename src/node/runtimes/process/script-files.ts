import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

/**
 * Puts the scripts where they stay as they are for as long as a pod uses them, whatever becomes of the package. Returns
 * the directory; its name tells the version.
 */
export function installScripts(directory: string): string {
  const source = path.join(import.meta.dirname, 'scripts');
  const names = fs.readdirSync(source).filter((name) => name.endsWith('.sh'));
  const texts = names.map((name) => fs.readFileSync(path.join(source, name)));
  const hash = createHash('sha256');
  for (const text of texts) hash.update(text);
  const target = path.join(directory, 'scripts', hash.digest('hex').slice(0, 12));
  if (!fs.existsSync(target)) {
    const fresh = `${target}.new`;
    fs.rmSync(fresh, { recursive: true, force: true });
    fs.mkdirSync(fresh, { recursive: true });
    for (const [index, name] of names.entries()) fs.writeFileSync(path.join(fresh, name), texts[index] ?? '');
    fs.renameSync(fresh, target);
  }
  return target;
}
