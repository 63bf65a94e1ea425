import { Command, CommanderError } from 'commander';

import { ApiError } from '../api/errors.ts';
import { ClusterError } from '../cluster/cluster-error.ts';
import { applyCommand } from './commands/apply.ts';
import { backupCommand } from './commands/backup.ts';
import { deleteCommand } from './commands/delete.ts';
import { describeCommand } from './commands/describe.ts';
import { dnsCommand } from './commands/dns.ts';
import { downCommand } from './commands/down.ts';
import { execCommand } from './commands/exec.ts';
import { getCommand } from './commands/get.ts';
import { kubeconfigCommand } from './commands/kubeconfig.ts';
import { logsCommand } from './commands/logs.ts';
import { nodeCommand } from './commands/node.ts';
import { planCommand } from './commands/plan.ts';
import { restoreCommand } from './commands/restore.ts';
import { scaleCommand } from './commands/scale.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';
import { whyCommand } from './commands/why.ts';
import { CliError } from './errors.ts';
import { processOutput as output } from './output.ts';
import { version } from './version.ts';

const program = new Command('berth')
  .description('Stateful clusters with stable names, volumes and DNS names, over the Kubernetes API.')
  .version(version(), '-v, --version')
  .showSuggestionAfterError()
  .showHelpAfterError('  berth --help shows the commands')
  .configureHelp({ sortSubcommands: false })
  .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, 'berth: ')) })
  .enablePositionalOptions()
  .exitOverride()
  .addHelpText(
    'after',
    `
Examples:
  berth up -f examples/kv.yaml           start a cluster and run what the file says
  berth get statefulsets,pods,pvc        what there is
  berth scale statefulset/kv --replicas 5
  berth logs kv-0 -f
  berth exec -it kv-0 -- sh
  berth dns kv.default.svc.cluster.local SRV
  berth down                             end all pods, highest ordinal first; data stays
`,
  );

for (const command of [
  upCommand(output),
  downCommand(output),
  statusCommand(output),
  applyCommand(output),
  deleteCommand(output),
  getCommand(output),
  describeCommand(output),
  whyCommand(output),
  planCommand(output),
  scaleCommand(output),
  logsCommand(output),
  execCommand(output),
  dnsCommand(output),
  nodeCommand(output),
  backupCommand(output),
  restoreCommand(output),
  kubeconfigCommand(output),
]) {
  inherit(command, program);
  program.addCommand(command);
}

/** Errors and help of a command, and of those below it, are those of the program. */
function inherit(command: Command, parent: Command, above = program.name()): void {
  const path = `${above} ${command.name()}`;
  command.copyInheritedSettings(parent).showHelpAfterError(`  ${path} --help shows how it is used`);
  for (const child of command.commands) inherit(child, command, path);
}

/** Says what went wrong in one message, and what to do about it; the exit code is the result. */
function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2; // commander has said it already
  if (error instanceof CliError || error instanceof ClusterError) {
    output.note(`berth: ${error.message}`);
    if (error.hint !== undefined) output.note(`  ${error.hint}`);
    return error instanceof CliError ? error.exitCode : 1;
  }
  if (error instanceof ApiError) {
    output.note(`berth: ${error.message}`);
    return 1;
  }
  output.note(`berth: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  output.note('  this is a defect in Berth; please report it with the lines above');
  return 70;
}

// `berth get pods | head` ends us, quietly; `berth up | head` has pods to end first, and so it has when its terminal is
// closed (EIO).
let gone = false;
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE' && code !== 'EIO') process.exit(1);
    if (process.listenerCount('SIGTERM') === 0) process.exit(0);
    if (!gone) process.emit('SIGTERM');
    gone = true;
  });
}

program.parseAsync().then(
  () => undefined,
  (error: unknown) => {
    process.exitCode = report(error);
  },
);
