// Compiles src/ to dist/, copies what is not TypeScript, and bundles the command line with its libraries into
// dist/bin/: loading some 300 modules one by one is more than half of the time until the API answers. Skips all when
// nothing is newer than the last build.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { build } from 'esbuild';

const root = path.join(import.meta.dirname, '..');
const stamp = path.join(root, 'dist', '.built');
const inputs = ['src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'scripts/build.mjs'];

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
  await bundle();
  if (!process.exitCode) fs.writeFileSync(stamp, '');
}

/** The command line in a few files; what only some commands need stays in files of its own. */
async function bundle() {
  const dist = path.join(root, 'dist');
  await build({
    entryPoints: [path.join(dist, 'cli', 'main.js')],
    outdir: path.join(dist, 'bin'),
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    logLevel: 'warning',
    external: ['lmdb'], // has a native part beside it
    banner: {
      js: "import { createRequire as __createRequire } from 'node:module';\nconst require = __createRequire(import.meta.url);",
    },
    plugins: [{ name: 'keep-locations', setup: keepLocations(dist) }],
  });
}

/** A module that finds files beside itself still finds them: it is told where it was before it was bundled. */
function keepLocations(dist) {
  return ({ onLoad }) => {
    onLoad({ filter: /dist\/.*\.js$/ }, ({ path: file }) => {
      const source = fs.readFileSync(file, 'utf8');
      if (!file.startsWith(dist) || !source.includes('import.meta')) return undefined;
      const location = JSON.stringify(`../${path.relative(dist, file)}`);
      const head = `import { fileURLToPath as __toPath } from 'node:url';\nconst __location = new URL(${location}, import.meta.url);\n`;
      const body = source
        .replaceAll('import.meta.url', '__location.href')
        .replaceAll('import.meta.dirname', "__toPath(new URL('.', __location)).replace(/\\/$/, '')");
      return { contents: head + body, loader: 'js' };
    });
  };
}
