import fs from 'node:fs';
import path from 'node:path';

import { type ContainerConfig, type Limitation, type Mount, type PodConfig, StartError } from '../runtime.ts';
import { containerArguments, execArguments } from './container-command.ts';
import { ControlGroups, joinGroups, NO_RESOURCE_LIMITS, runName, writeGroups } from './control-groups.ts';
import type { EnteredRun, Level } from './level.ts';
import { shortHash } from './node-hash.ts';
import { translatePaths } from './path-translation.ts';
import { type PodFiles, podDirectory, podFiles, type RunFiles } from './pod-files.ts';
import { isRunning, type ProcessIdentity, send, withFamily } from './process-identity.ts';
import { processTable, psProgram, type SystemProcess } from './process-table.ts';
import { run } from './run.ts';
import { setprivArguments } from './security.ts';
import { notAtThisLevel } from './start-errors.ts';
import { MARK_DESCRIPTOR } from './start-program.ts';
import { inTerminal, setSize } from './terminal.ts';
import { findTool } from './tools.ts';

/** In the environment of every process of a pod: how those that are left are found. */
const MARK = 'BERTH_POD';

/** Between two looks at what cannot be killed, or takes long to die. */
const LONGEST_WAIT_MS = 500;

/** Pods as plain processes of this machine: nothing of it is hidden from them or changed for them. */
export class ProcessLevel implements Level {
  readonly isolation = 'processes';
  readonly limitations: readonly Limitation[];
  readonly #scripts: string;
  readonly #directory: string;
  readonly #node: string;
  readonly #groups: ControlGroups | undefined;

  constructor(directory: string, scripts: string) {
    this.#groups = process.getuid?.() === 0 ? ControlGroups.open(directory) : undefined;
    this.#scripts = scripts;
    this.#directory = directory;
    this.#node = shortHash(directory);
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

  sandboxCommand(files: PodFiles, pod: PodConfig): readonly string[] {
    const shell = ['sh', path.join(this.#scripts, 'sandbox.sh'), files.directory, this.#scripts, 'none'];
    return ['env', `${MARK}=${this.#mark(pod.uid)}`, ...shell];
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

  kill(podUid: string, first: ProcessIdentity): void {
    for (const { pid } of this.#left(podUid, first)) send(pid, 'SIGKILL');
  }

  async gone(podUid: string, first: ProcessIdentity | undefined): Promise<void> {
    for (let waitMs = processTable.lookAfterMs; ; waitMs = Math.min(2 * waitMs, LONGEST_WAIT_MS)) {
      const left = this.#left(podUid, first);
      if (left.length === 0) return;
      for (const { pid } of left) send(pid, 'SIGKILL');
      await new Promise<void>((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** M2: what still runs of a pod: what has a mark of it, as far as that can be seen, and all that comes from there. */
  #left(podUid: string, first: ProcessIdentity | undefined): readonly SystemProcess[] {
    const { mark } = podFiles(podDirectory(this.#directory, podUid));
    const marked = [
      // Programs that show a title write it over their environment, others begin with an empty one.
      ...processTable.withVariable(`${MARK}=${this.#mark(podUid)}`),
      ...processTable.withDescriptor(MARK_DESCRIPTOR, mark),
    ];
    const sandbox = first !== undefined && isRunning(first) ? [first.pid] : [];
    if (marked.length + sandbox.length === 0) return [];
    return withFamily([...marked, ...sandbox], processTable.all()).filter(({ ended }) => !ended);
  }

  /** Of this node: with a copied data directory, another has a pod of the same uid. */
  #mark(podUid: string): string {
    return `${this.#node}-${podUid}`;
  }

  #marked(podUid: string, container: ContainerConfig): ContainerConfig {
    return { ...container, env: { HOME: process.env.HOME ?? '/', ...container.env, [MARK]: this.#mark(podUid) } };
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
