/*
 * Compares the machine-independent part of the figures with what was recorded: their ratio to a calibration loop that
 * runs beside them. What is more than 20% worse is reported, and the exit code is 1.
 *
 *   npm run bench:check              compares with bench/recorded.json
 *   npm run bench:check -- --record  writes it
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const TOLERATED = 0.2;
const RECORDED = path.join(import.meta.dirname, 'recorded.json');
/** Small enough to be run often: about two minutes. */
const BENCHMARKS = {
  start: ['--runs', '5', '--objects', '2000'],
  sets: ['--runs', '3'],
  writes: ['--runs', '3', '--seconds', '0.5'],
  lists: ['--runs', '7'],
  watches: ['--runs', '15', '--watchers', '300'],
};

const records = process.argv.includes('--record');
if (!records && !fs.existsSync(RECORDED)) {
  console.error('nothing is recorded yet: npm run bench:check -- --record, on a machine that does nothing else');
  process.exit(2);
}
const measured = {};
for (const [name, options] of Object.entries(BENCHMARKS)) {
  const file = path.join(import.meta.dirname, `${name}.mjs`);
  const output = execFileSync(process.execPath, [file, '--json', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  for (const [figure, { unit, value, ratio }] of Object.entries(JSON.parse(output))) {
    // Memory does not depend on how fast the machine is.
    measured[`${name}: ${figure}`] = { unit, ratio: unit === 'MB' ? value : ratio };
  }
}

if (records) {
  fs.writeFileSync(RECORDED, `${JSON.stringify(measured, null, 2)}\n`);
  console.log(`${Object.keys(measured).length} figures are recorded`);
} else {
  const recorded = JSON.parse(fs.readFileSync(RECORDED, 'utf8'));
  let worse = 0;
  for (const [figure, { unit, ratio }] of Object.entries(measured)) {
    const before = recorded[figure]?.ratio;
    if (before === undefined) continue;
    // Of rates more is better, of all others less.
    const change = unit === '/s' ? before / ratio - 1 : ratio / before - 1;
    if (change <= TOLERATED) continue;
    worse += 1;
    console.log(`${figure}: ${Math.round(change * 100)}% worse than recorded`);
  }
  console.log(`${Object.keys(measured).length} figures, ${worse} worse by more than ${TOLERATED * 100}%`);
  if (worse > 0) process.exitCode = 1;
}
