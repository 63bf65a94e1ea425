/*
 * How the benchmarks take and show figures: several runs, the median with the lowest and the highest, and beside each
 * run a calibration loop, so that figures of machines, and of hours, can be compared.
 */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { parseArgs } from 'node:util';

/** Options of a benchmark: all take `--runs` and `--json` (for `npm run bench:check`). Others are numbers. */
export function options(defaults) {
  const names = { runs: 3, ...defaults };
  const declared = Object.fromEntries(
    Object.entries(names).map(([name, value]) => [name, { type: 'string', default: String(value) }]),
  );
  const { values } = parseArgs({ options: { ...declared, json: { type: 'boolean', default: false } } });
  const numbers = Object.fromEntries(Object.keys(names).map((name) => [name, Number(values[name])]));
  return { ...numbers, json: values.json };
}

/** Milliseconds that a fixed piece of work takes now: objects, JSON, maps and hashes, as a server has them. */
export function calibrate() {
  const begin = performance.now();
  const seen = new Map();
  for (let i = 0; i < 40_000; i++) {
    const text = JSON.stringify({
      name: `object-${i}`,
      labels: { app: 'calibration', index: String(i) },
      list: [i, i + 1],
    });
    const { name } = JSON.parse(text);
    seen.set(name, createHash('sha1').update(text).digest('hex'));
  }
  if (seen.size !== 40_000) throw new Error('the calibration is broken');
  return performance.now() - begin;
}

export function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

const text = (value) => (Math.abs(value) < 10 ? value.toFixed(2) : Math.round(value).toLocaleString('en'));

/** The figures of one benchmark. */
export class Figures {
  #json;
  #figures = new Map();
  #calibrations = [];

  constructor({ json }) {
    this.#json = json;
    calibrate(); // the first one is compiled on the way
  }

  /** To be called before each run. */
  calibrate() {
    this.#calibrations.push(Math.min(calibrate(), calibrate()));
  }

  /** `unit` says what is better: of `/s` more, of all others less. */
  add(name, value, unit) {
    const figure = this.#figures.get(name) ?? { unit, values: [], loops: [] };
    figure.values.push(value);
    figure.loops.push(this.#calibrations.at(-1));
    this.#figures.set(name, figure);
  }

  /**
   * A figure as ratios to the calibration loop. `best`: the best run to the best loop, as what disturbs makes everything
   * slower and nothing faster. `typical`: the median of the runs, each to the loop just before it, which a machine that
   * is slower for minutes leaves as it is. Megabytes are as they are: they do not depend on how fast the machine is.
   */
  #ratios({ unit, values, loops }) {
    const ratio = (value, loop) => (unit === 'MB' ? value : unit === '/s' ? value * loop : value / loop);
    const best = unit === '/s' ? Math.max(...values) : Math.min(...values);
    return {
      unit,
      best: ratio(best, Math.min(...this.#calibrations)),
      typical: median(values.map((value, run) => ratio(value, loops[run]))),
    };
  }

  show() {
    if (this.#json) {
      console.log(JSON.stringify(Object.fromEntries([...this.#figures].map(([name, f]) => [name, this.#ratios(f)]))));
      return;
    }
    const width = Math.max(...[...this.#figures.keys()].map((name) => name.length));
    for (const [name, { unit, values }] of this.#figures) {
      const spread = values.length > 1 ? `   (${text(Math.min(...values))} to ${text(Math.max(...values))})` : '';
      console.log(`${name.padEnd(width)} ${text(median(values)).padStart(9)} ${unit.padEnd(5)}${spread}`);
    }
    const load = fs.existsSync('/proc/loadavg') ? `, load ${fs.readFileSync('/proc/loadavg', 'utf8').slice(0, 4)}` : '';
    console.log(`calibration loop ${text(median(this.#calibrations))} ms${load}`);
  }
}
