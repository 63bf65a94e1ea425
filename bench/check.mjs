/*
 * Compares the machine-independent part of the figures with what was recorded: their ratio to a calibration loop that
 * runs beside them, once of the best runs and once of the typical ones. What is more than 20% worse by both is reported,
 * and the exit code is 1.
 *
 *   npm run bench:check              compares with bench/recorded.json
 *   npm run bench:check -- --record  writes it
 */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const TOLERATED = 0.2;
const ATTEMPTS = 4;
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
const recorded = records ? {} : JSON.parse(fs.readFileSync(RECORDED, 'utf8'));

/** How much worse a ratio is: 0.2 is 20%. Of rates more is better, of all others less. */
const worse = (unit, before, now) => (unit === '/s' ? before / now - 1 : now / before - 1);

/** How much worse a figure is than recorded, by the measure that speaks for it. A slower program is slower by both. */
function worsening(figure, { unit, best, typical }) {
  const before = recorded[figure];
  if (before === undefined) return 0;
  return Math.min(worse(unit, before.best, best), worse(unit, before.typical, typical));
}

/** The better of each measure: what disturbs a run disturbs it for the worse. */
function better({ unit, ...a }, b) {
  const pick = unit === '/s' ? Math.max : Math.min;
  return { unit, best: pick(a.best, b.best), typical: pick(a.typical, b.typical) };
}

function measure(name, options) {
  const file = path.join(import.meta.dirname, `${name}.mjs`);
  const output = execFileSync(process.execPath, [file, '--json', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  return Object.entries(JSON.parse(output)).map(([figure, ratios]) => [`${name}: ${figure}`, ratios]);
}

const measured = new Map();
for (const [name, options] of Object.entries(BENCHMARKS)) {
  // What looks worse is measured again: a machine that others use is slow at times, and a slower program always.
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const figures = measure(name, options);
    for (const [figure, now] of figures) {
      const before = measured.get(figure);
      measured.set(figure, before === undefined ? now : better(before, now));
    }
    if (figures.every(([figure]) => worsening(figure, measured.get(figure)) <= TOLERATED)) break;
  }
}

if (records) {
  fs.writeFileSync(RECORDED, `${JSON.stringify(Object.fromEntries(measured), null, 2)}\n`);
  console.log(`${measured.size} figures are recorded`);
} else {
  const slower = [...measured].filter(([figure, now]) => worsening(figure, now) > TOLERATED);
  for (const [figure, now] of slower) {
    console.log(`${figure}: ${Math.round(worsening(figure, now) * 100)}% worse than recorded`);
  }
  console.log(`${measured.size} figures, ${slower.length} worse by more than ${TOLERATED * 100}%`);
  if (slower.length > 0) process.exitCode = 1;
}
