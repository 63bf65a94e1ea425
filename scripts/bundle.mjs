import fs from 'node:fs';
import path from 'node:path';
import { build } from 'esbuild';

/**
 * The command line with its libraries in one file, a CommonJS one: for such a one the compiled code of an earlier run can
 * be kept (`program.cjs`). The libraries of the store are in it too, but for their native parts.
 */
export async function bundle(dist) {
  const { outputFiles } = await build({
    entryPoints: [path.join(dist, 'cli', 'main.js')],
    outfile: path.join(dist, 'bin', 'berth.cjs'),
    bundle: true,
    write: false,
    platform: 'node',
    format: 'cjs',
    target: 'node20.19',
    supported: { 'dynamic-import': false }, // all is here already
    define: { 'process.env.MSGPACKR_NATIVE_ACCELERATION_DISABLED': '"true"' }, // a native part that the store does not use
    banner: { js: 'const nodeRequire = require;' }, // some modules have a `require` of their own
    logLevel: 'warning',
    plugins: [{ name: 'keep-locations', setup: keepLocations(dist) }],
  });
  fs.mkdirSync(path.join(dist, 'bin'), { recursive: true });
  for (const { path: file, text } of outputFiles) fs.writeFileSync(file, ascii(text));
}

/** One byte for each character: half the memory, and read without decoding. */
function ascii(text) {
  return text.replace(/[^\0-\x7f]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A module that finds files beside itself still finds them: it is told where it was before it was bundled. */
function keepLocations(dist) {
  return ({ onLoad }) => {
    onLoad({ filter: /\.js$/ }, ({ path: file }) => {
      const source = fs.readFileSync(file, 'utf8');
      if (!source.includes('import.meta')) return undefined;
      const [, library] = /.*\/node_modules\/(lmdb\/.*)$/.exec(file) ?? [];
      let location = '__filename';
      if (file.startsWith(dist))
        location = `path.join(__dirname, ${JSON.stringify(path.relative(`${dist}/bin`, file))})`;
      // Its main module is in a folder of the package.
      if (library) location = `path.join(nodeRequire.resolve('lmdb'), '../../..', ${JSON.stringify(library)})`;
      const head = `const __location = (path => ${location})(nodeRequire('node:path'));\n`;
      const body = source
        .replaceAll('import.meta.url', "nodeRequire('node:url').pathToFileURL(__location).href")
        .replaceAll('import.meta.dirname', "nodeRequire('node:path').dirname(__location)");
      return { contents: head + body, loader: 'js' };
    });
  };
}
