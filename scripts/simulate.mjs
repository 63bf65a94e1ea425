// Compiles the simulation and runs it:
//   npm run simulate -- [--seeds N] [--from SEED] [--jobs N] [--keep I,J,...] [--mutant PART-OF-ITS-NAME]
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const root = path.join(import.meta.dirname, '..');
const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
try {
  execFileSync(process.execPath, [tsc, '-p', path.join(root, 'test/simulation')], { stdio: 'inherit' });
} catch {
  process.exit(1); // the compiler has said what is wrong
}
await import(pathToFileURL(path.join(root, 'node_modules/.cache/berth-simulation/test/simulation/main.js')).href);
