/* Runs a benchmark by its name, or says which there are: `npm run bench`, `npm run bench -- sets --runs 5`. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const NOT_BENCHMARKS = ['run', 'check'];
const names = fs
  .readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.mjs'))
  .map((file) => path.basename(file, '.mjs'))
  .filter((name) => !NOT_BENCHMARKS.includes(name));

const [name, ...more] = process.argv.slice(2);
if (name === undefined || !names.includes(name)) {
  if (name !== undefined && !name.startsWith('-')) {
    console.error(`there is no benchmark ${name}`);
    process.exitCode = 2;
  }
  console.log('npm run build, then npm run bench -- NAME [options]\n');
  for (const known of names) {
    const source = fs.readFileSync(path.join(import.meta.dirname, `${known}.mjs`), 'utf8');
    const comment = source.slice(source.indexOf('/*') + 2, source.indexOf('*/'));
    const text = comment.split('\n').map((line) => line.replace(/^ *\* ?/, '').trimEnd());
    console.log(
      `${known}\n${text
        .filter((line) => line.trim() !== '')
        .map((line) => `    ${line}`)
        .join('\n')}\n`,
    );
  }
} else {
  const file = path.join(import.meta.dirname, `${name}.mjs`);
  const child = spawn(process.execPath, ['--expose-gc', file, ...more], { stdio: 'inherit' });
  child.on('exit', (code) => {
    process.exitCode = code ?? 1;
  });
}
