// An agent that brings a pod up and down and kills itself at a given step: before the Nth thing it does to the machine.
// Arguments: the node's directory, N, the file its pod's container tells of its start in, the identity lock.
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

const dist = process.env.BERTH_DIST ?? path.join(import.meta.dirname, '..', '..', 'dist');
const [directory, fatalStep, witness, lock] = process.argv.slice(2);

let steps = 0;
let armed = false;
function beforeEach(object, name) {
  const original = object[name];
  object[name] = function step(...args) {
    if (armed && ++steps === Number(fatalStep)) process.kill(process.pid, 'SIGKILL');
    return original.apply(this, args);
  };
}
for (const name of ['mkdirSync', 'writeFileSync', 'renameSync', 'rmSync', 'openSync', 'closeSync', 'rm'])
  beforeEach(fs, name);
beforeEach(fs.promises, 'rm');
for (const name of ['spawn', 'execFile']) beforeEach(childProcess, name);
syncBuiltinESMExports();
const kill = process.kill;
process.kill = (pid, signal) => {
  if (pid !== process.pid && armed && ++steps === Number(fatalStep)) kill.call(process, process.pid, 'SIGKILL');
  return kill.call(process, pid, signal);
};

const { processRuntime } = await import(path.join(dist, 'node/runtimes/process/process-runtime.js'));
const { systemClock } = await import(path.join(dist, 'platform/clock.js'));
const { silentLogger } = await import(path.join(dist, 'platform/logger.js'));
const { crashPod, crashContainer } = await import('./process-runtime-pod.mjs');

const runtime = processRuntime({ directory, nodeName: 'node-0', clock: systemClock, logger: silentLogger });
await runtime.start(() => {});
armed = true;
await runtime.startPod(crashPod(lock));
await runtime.startContainer('crash', crashContainer(witness));
await runtime.stopContainer('crash', 'main', { signal: 'SIGTERM', graceMs: 10_000 });
await runtime.stopPod('crash');
await runtime.removePod('crash');
armed = false;
await runtime.close();
fs.writeSync(1, String(steps));
process.exit();
