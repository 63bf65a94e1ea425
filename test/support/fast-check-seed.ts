import fc from 'fast-check';

// The same cases on every run, so that a change is judged by what it changes; `BERTH_SEED=N` tries others.
fc.configureGlobal({ seed: Number(process.env.BERTH_SEED ?? 1) });
