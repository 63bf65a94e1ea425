import { serverProcess } from '../cluster/data-directory.ts';
import { leftoverPods } from '../cluster/leftover-pods.ts';
import { CliError } from './errors.ts';

/** As `systemctl status` and others answer for something that does not run. */
export const NOT_RUNNING = 3;

/** What to say when a command needs a server and none runs on the directory; pods that run without one are named. */
export function notRunning(directory: string, exitCode?: number): CliError {
  const starting = serverProcess(directory);
  if (starting !== undefined) {
    return new CliError(`the server on ${directory} is still starting (process ${starting})`, {
      hint: 'wait for it, or end it with berth down',
      ...(exitCode !== undefined && { exitCode }),
    });
  }
  const pods = leftoverPods(directory);
  if (pods.length === 0) {
    return new CliError(`no cluster runs on ${directory}`, {
      hint: 'start one with: berth up   (or name another with --data-dir)',
      ...(exitCode !== undefined && { exitCode }),
    });
  }
  const names = pods.map(({ namespace, name }) => (namespace === 'default' ? name : `${namespace}/${name}`));
  const [count, them] = pods.length === 1 ? ['1 pod of it runs', 'it'] : [`${pods.length} pods of it run`, 'them'];
  return new CliError(`no server runs on ${directory}, but ${count} on: ${names.join(', ')}`, {
    hint: `berth up takes ${them} over as ${pods.length === 1 ? 'it is' : 'they are'}, berth down ends ${them}`,
    ...(exitCode !== undefined && { exitCode }),
  });
}
