// Every rule of docs/behaviour.md has a test whose name begins with its id, unless the rule is marked open there; and
// every id a test claims is a rule. Exit status 1 if not.
import fs from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const rules = new Map();
for (const line of fs.readFileSync(path.join(root, 'docs', 'behaviour.md'), 'utf8').split('\n')) {
  const row = /^\| ([A-Z]\d+) \| (kept|part|open) \| (.+) \|$/.exec(line);
  if (row) rules.set(row[1], { state: row[2], tests: 0 });
  else if (/^\| [A-Z]\d+ /.test(line))
    throw new Error(`docs/behaviour.md: not "| id | kept, part or open | rule |": ${line}`);
}

function* testFiles(directory) {
  for (const entry of fs.readdirSync(directory, { withFileTypes: true })) {
    const file = path.join(directory, entry.name);
    if (entry.isDirectory()) yield* testFiles(file);
    else if (/\.test\.ts$|contract\.ts$/.test(entry.name)) yield file;
  }
}

const problems = [];
for (const directory of ['src', 'test']) {
  for (const file of testFiles(path.join(root, directory))) {
    // A name may claim several rules: 'M1 M2 the object goes ...'.
    for (const [, claimed] of fs.readFileSync(file, 'utf8').matchAll(/['"`]((?:[IOURSCAMNVPD]\d{1,2}[ ,]+)+)\S/g)) {
      for (const id of claimed.match(/[A-Z]\d+/g)) {
        const rule = rules.get(id);
        if (rule) rule.tests++;
        else problems.push(`${path.relative(root, file)}: no rule ${id} in docs/behaviour.md`);
      }
    }
  }
}
for (const [id, { state, tests }] of rules) {
  if (tests === 0 && state !== 'open') problems.push(`${id} is marked ${state} but no test's name begins with it`);
}
for (const problem of problems) console.error(problem);
const count = (state) => [...rules.values()].filter((rule) => rule.state === state).length;
console.log(`${rules.size} rules: ${count('kept')} kept, ${count('part')} in part, ${count('open')} open`);
process.exit(problems.length > 0 ? 1 : 0);
