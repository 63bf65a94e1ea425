import fs from 'node:fs';
import path from 'node:path';

import { type ContainerConfig, type Limitation, type Mount, type PodConfig, StartError } from '../runtime.ts';
import { containerArguments, execArguments } from './container-command.ts';
import { ControlGroups, joinGroups, NO_RESOURCE_LIMITS, runName, writeGroups } from './control-groups.ts';
import type { EnteredRun, Level } from './level.ts';
import { markedProcesses, markVariable, newMark } from './marked-processes.ts';
import { translatePaths } from './path-translation.ts';
import type { PodFiles, RunFiles } from './pod-files.ts';
import { ifPossible, isRunning, type ProcessIdentity, send, signalProcess, withFamily } from './process-identity.ts';
import { processTable, psProgram } from './process-table.ts';
import { run } from './run.ts';
import { setprivArguments } from './security.ts';
import { notAtThisLevel } from './start-errors.ts';
import { inTerminal, setSize } from './terminal.ts';
import { findTool } from './tools.ts';

/** Between two looks at what cannot be killed, or takes long to die. */
const LONGEST_WAIT_MS = 500;

/** Pods as plain processes of this machine: nothing of it is hidden from them or changed for them. */
export class ProcessLevel implements Level {
  readonly isolation = 'processes';
  readonly limitations: readonly Limitation[];
  readonly #scripts: string;
  readonly #directory: string;
  readonly #groups: ControlGroups | undefined;

  constructor(directory: string, scripts: string) {
    this.#groups = process.getuid?.() === 0 ? ControlGroups.open(directory) : undefined;
    this.#scripts = scripts;
    this.#directory = directory;
    this.limitations = [
      ...LIMITATIONS,
      ...(processTable === psProgram ? [HIDDEN_ENVIRONMENTS] : []),
      ...(this.#groups === undefined ? [NO_RESOURCE_LIMITS] : []),
    ];
  }

  checkPod(pod: PodConfig): void {
    if (Object.keys(pod.sysctls).length > 0) throw notAtThisLevel('processes', 'setting sysctls');
    if (pod.hostAliases.length > 0) throw notAtThisLevel('processes', 'names of its own (hostAliases)');
    if (pod.ownUsers) throw notAtThisLevel('processes', 'a user namespace (hostUsers: false)');
  }

  sandboxCommand(files: PodFiles): readonly string[] {
    return ['sh', path.join(this.#scripts, 'sandbox.sh'), files.directory, this.#scripts, 'none'];
  }

  newMark(podUid: string): string {
    return newMark(this.#directory, podUid);
  }

  markOf(podUid: string): Readonly<Record<string, string>> {
    return markVariable(this.#directory, podUid);
  }

  prepareRun(_pod: PodFiles, podUid: string, files: RunFiles, container: ContainerConfig): void {
    const translated = translate(this.#marked(podUid, container));
    fs.writeFileSync(files.arguments, containerArguments(translated, this.#rights(container)), { mode: 0o600 });
    writeGroups(files, this.#groups?.create(podUid, runName(container), container.limits));
  }

  enter(podUid: string, entered: EnteredRun, command: readonly string[], tty: boolean): readonly string[] {
    const { files, container } = entered;
    const translated = translate(this.#marked(podUid, { ...container, command }));
    const program = [...this.#rights(container), ...execArguments(translated, translated.command)];
    return [...joinGroups(this.#scripts, files), ...(tty ? inTerminal(program, true) : program)];
  }

  async resizeTerminal(_first: ProcessIdentity, device: string, columns: number, rows: number): Promise<void> {
    const [program = '', ...args] = setSize(device, columns, rows);
    await run(program, args);
  }

  closeRun(podUid: string, run: string): { readonly outOfMemory: boolean } {
    const outOfMemory = this.#groups?.ranOutOfMemory(podUid, run) === true;
    this.#groups?.remove(podUid, run);
    return { outOfMemory };
  }

  async closePod(podUid: string): Promise<void> {
    await this.#groups?.removePod(podUid);
  }

  /** The first process goes last: what loses its parent becomes its child (Linux), and so is known until then. */
  kill(podUid: string, first: ProcessIdentity): void {
    signalProcess(first, 'SIGSTOP'); // it starts nothing, and does not end because of its children
    const orphans = orphansOf(first);
    const rest = (): readonly number[] => [
      ...this.#left(podUid, first).filter((pid) => pid !== first.pid),
      ...orphans(),
    ];
    void killUntilNone(rest).then(() => signalProcess(first, 'SIGKILL'));
  }

  gone(podUid: string, first: ProcessIdentity | undefined): Promise<void> {
    return killUntilNone(() => this.#left(podUid, first));
  }

  /** M2: what still runs of a pod: what has a mark of it, as far as that can be seen, and all that comes from there. */
  #left(podUid: string, first: ProcessIdentity | undefined): readonly number[] {
    const marked = markedProcesses(this.#directory, podUid);
    const sandbox = first !== undefined && isRunning(first) ? [first.pid] : [];
    if (marked.length + sandbox.length === 0) return [];
    return withFamily([...marked, ...sandbox], processTable.all()).flatMap(({ pid, ended }) => (ended ? [] : [pid]));
  }

  #marked(podUid: string, container: ContainerConfig): ContainerConfig {
    return { ...container, env: { HOME: process.env.HOME ?? '/', ...container.env, ...this.markOf(podUid) } };
  }

  #rights({ securityContext: security }: ContainerConfig): string[] {
    if (security.privileged === true) throw notAtThisLevel('processes', 'a privileged container');
    if (security.readOnlyRootFilesystem === true) throw notAtThisLevel('processes', 'a read-only root file system');
    const setpriv = findTool('setpriv');
    const isRoot = process.getuid?.() === 0;
    if (isRoot && setpriv !== undefined) return [setpriv, ...setprivArguments(security)];
    if ((security.capabilities?.add ?? []).length > 0) throw notAtThisLevel('processes', 'adding capabilities');
    if ((security.supplementalGroups ?? []).length > 0)
      throw notAtThisLevel('processes', 'setting supplemental groups');
    if (security.runAsUser !== undefined && security.runAsUser !== process.getuid?.()) {
      throw notAtThisLevel('processes', `running as user ${security.runAsUser}`);
    }
    if (security.runAsGroup !== undefined && security.runAsGroup !== process.getgid?.()) {
      throw notAtThisLevel('processes', `running as group ${security.runAsGroup}`);
    }
    if (security.runAsNonRoot === true && isRoot) {
      throw new StartError('CreateContainerConfigError', 'container has runAsNonRoot and would run as root');
    }
    if (security.allowPrivilegeEscalation !== false) return [];
    if (setpriv === undefined) throw notAtThisLevel('processes', 'allowPrivilegeEscalation: false');
    return [setpriv, '--no-new-privs'];
  }
}

/** While it cannot be seen what is left (too many files are open), something may be. */
async function killUntilNone(find: () => readonly number[]): Promise<void> {
  for (let waitMs = processTable.lookAfterMs; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
    const left = ifPossible(find);
    if (left?.length === 0) return;
    for (const pid of left ?? []) send(pid, 'SIGKILL');
    await new Promise<void>((resolve) => setTimeout(resolve, waitMs));
  }
}

/**
 * M2: a walk through all processes misses one that starts another and ends meanwhile. What has lost its parent becomes a
 * child of the first process, which is stopped: it waits for none, so its list only grows. When all in it had ended
 * before it was read, nothing lives that comes from there. The newest are killed at once, as they soon may have gone on.
 */
function orphansOf(first: ProcessIdentity): () => readonly number[] {
  const ended = new Set<number>();
  return () => {
    const unknown = processTable.childrenOf(first.pid).filter((pid) => !ended.has(pid));
    for (const pid of unknown.toReversed()) send(pid, 'SIGKILL');
    for (const pid of unknown) if (processTable.find(pid)?.ended !== false) ended.add(pid);
    return unknown;
  };
}

/** Nothing is mounted: paths of volumes are replaced by where the volumes are. */
function translate(container: ContainerConfig): ContainerConfig {
  const replace = (text: string): string => translatePaths(text, container.mounts);
  return {
    ...container,
    command: container.command.map(replace),
    args: container.args.map(replace),
    env: Object.fromEntries(Object.entries(container.env).map(([name, value]) => [name, replace(value)])),
    ...(container.workingDir === undefined ? {} : { workingDir: replace(container.workingDir) }),
    mounts: container.mounts.map((mount): Mount => ({ ...mount, mountPath: mount.hostPath })),
  };
}

const LIMITATIONS: readonly Limitation[] = [
  {
    reason: 'NoNamespaces',
    message: 'pods are plain processes of this machine: they see its files, its processes and its network',
  },
  {
    reason: 'NoMounts',
    message:
      'nothing is mounted: where a command, an argument, a variable or the working directory names the mountPath of a ' +
      "volume, the volume's own directory is put in its place, while files that name it are left as they are, and " +
      'read-only volumes can be written to',
  },
  {
    reason: 'NoResolver',
    message: 'names of the cluster are served at $BERTH_DNS_SERVER only',
  },
];

/** M2 holds as far as processes can be told. */
const HIDDEN_ENVIRONMENTS: Limitation = {
  reason: 'HiddenEnvironments',
  message:
    'a process that has left its parent, its group and its session, and whose environment this system hides, is not known ' +
    'to be of its pod and outlives it',
};
