// Compiles src/ to dist/, copies what is not TypeScript, bundles the command line with its libraries into one file, and
// keeps what V8 compiles of that: to load some 300 modules one by one, and to compile them, is more than half of the time
// until the API answers. Skips all when nothing is newer than the last build.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { bundle } from './bundle.mjs';

const root = path.join(import.meta.dirname, '..');
const stamp = path.join(root, 'dist', '.built');
const inputs = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'bin', 'scripts'];

function newest(file) {
  const stat = fs.statSync(file);
  if (!stat.isDirectory()) return stat.mtimeMs;
  // A folder's own time tells of files that were removed.
  return Math.max(stat.mtimeMs, ...fs.readdirSync(file).map((name) => newest(path.join(file, name))));
}

const builtAt = fs.existsSync(stamp) ? fs.statSync(stamp).mtimeMs : 0;
if (Math.max(...inputs.map((input) => newest(path.join(root, input)))) > builtAt) {
  fs.rmSync(path.join(root, 'dist'), { recursive: true, force: true });
  const tsc = path.join(path.dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin', 'tsc');
  try {
    execFileSync(process.execPath, [tsc, '-p', path.join(root, 'tsconfig.build.json')], { stdio: 'inherit' });
  } catch {
    process.exitCode = 1; // the compiler has said what is wrong; what it made all the same is good enough to look at
  }
  fs.cpSync(path.join(root, 'src'), path.join(root, 'dist'), {
    recursive: true,
    filter: (file) => fs.statSync(file).isDirectory() || !file.endsWith('.ts'),
  });
  await bundle(path.join(root, 'dist'));
  compile();
  if (!process.exitCode) fs.writeFileSync(stamp, '');
}

/** Keeps what V8 compiles of the program. Without it the program is the same, and starts more slowly. */
function compile() {
  // Not the program's, and a long list of certificates to read.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const options = { env, stdio: 'pipe', timeout: 60_000 };
  try {
    execFileSync(process.execPath, [path.join(root, 'scripts', 'compile.mjs')], options);
  } catch (error) {
    console.warn(`berth will start more slowly, its compiled code could not be kept: ${error.stderr || error.message}`);
  }
}
