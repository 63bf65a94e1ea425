// Puts examples/kv/server.mjs into the ConfigMap of examples/kv.yaml, so that the manifest is one file that runs
// wherever it is applied from, with kubectl too. `--check` only compares, for CI.
import fs from 'node:fs';
import path from 'node:path';

const examples = path.join(import.meta.dirname, '..', 'examples');
const manifest = path.join(examples, 'kv.yaml');
const source = fs.readFileSync(path.join(examples, 'kv', 'server.mjs'), 'utf8');
const indented = source.replace(/^(?=.)/gm, '    ');
const text = fs.readFileSync(manifest, 'utf8');
const embedded = text.replace(/( {2}server\.mjs: \|\n)[\s\S]*$/, (_, head) => head + indented);
if (process.argv.includes('--check')) {
  if (embedded !== text) {
    console.error(
      'examples/kv.yaml does not hold examples/kv/server.mjs as it is: run node scripts/embed-examples.mjs',
    );
    process.exit(1);
  }
} else fs.writeFileSync(manifest, embedded);
