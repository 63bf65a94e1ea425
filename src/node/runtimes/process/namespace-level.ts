import fs from 'node:fs';
import path from 'node:path';

import { type ContainerConfig, type Limitation, type PodConfig, StartError } from '../runtime.ts';
import { containerArguments, execArguments, newSession } from './container-command.ts';
import { containerRoot, makeDeviceDirectory } from './container-root.ts';
import { ControlGroups, joinGroups, NO_RESOURCE_LIMITS, runName, writeGroups } from './control-groups.ts';
import { type Isolation, namespacesOf } from './isolation.ts';
import type { EnteredRun, Level } from './level.ts';
import type { PodFiles, RunFiles } from './pod-files.ts';
import { ifPossible, isRunning, type ProcessIdentity, send, signalProcess } from './process-identity.ts';
import { processTable } from './process-table.ts';
import { run } from './run.ts';
import { checkSysctls, setprivArguments } from './security.ts';
import { notAtThisLevel } from './start-errors.ts';
import { inTerminal, setSize } from './terminal.ts';
import { tool } from './tools.ts';

/** How often to look whether the kernel has done with a pod whose shims were all killed at once. */
const DYING_CHECK_MS = 2;

export interface NamespaceLevelOptions {
  readonly isolation: Exclude<Isolation, 'processes'>;
  /** The node's. */
  readonly directory: string;
  readonly scripts: string;
  readonly hidden: readonly string[];
}

/**
 * Pods in namespaces of their own: as root with everything, or as another user in a user namespace, with the machine's
 * network.
 */
export class NamespaceLevel implements Level {
  readonly isolation: Exclude<Isolation, 'processes'>;
  readonly limitations: readonly Limitation[];
  readonly #options: NamespaceLevelOptions;
  /** Every container's /dev. */
  readonly #deviceDirectory: string;
  readonly #groups: ControlGroups | undefined;

  constructor(options: NamespaceLevelOptions) {
    this.isolation = options.isolation;
    this.#groups = options.isolation === 'user' ? undefined : ControlGroups.open(options.directory);
    this.limitations = [
      ...(options.isolation === 'user' ? USER_LIMITATIONS : []),
      ...(this.#groups === undefined ? [NO_RESOURCE_LIMITS] : []),
    ];
    this.#options = options;
    this.#deviceDirectory = path.join(options.directory, 'dev');
    makeDeviceDirectory(this.#deviceDirectory);
  }

  checkPod(pod: PodConfig): void {
    if (pod.hostPID) throw notAtThisLevel(this.isolation, 'seeing all processes of the machine (hostPID)');
    if (this.isolation === 'namespaces' && pod.ownUsers)
      throw notAtThisLevel('namespaces', 'a user namespace (hostUsers: false)');
    if (this.isolation === 'user' && pod.hostIPC) throw notAtThisLevel('user', "the machine's own IPC (hostIPC)");
    if (this.isolation === 'user' && Object.keys(pod.sysctls).length > 0)
      throw notAtThisLevel('user', 'setting sysctls');
    checkSysctls(pod);
  }

  sandboxCommand(files: PodFiles, pod: PodConfig): readonly string[] {
    const { scripts } = this.#options;
    const ownNetwork = this.isolation === 'namespaces' && !pod.hostNetwork;
    const namespaces = namespacesOf(this.isolation, ownNetwork, pod.hostIPC !== true);
    const sharing = `${pod.shareProcessNamespace ? 'processes' : ''} ${pod.hostIPC ? 'ipc' : ''}`;
    const shell = ['sh', path.join(scripts, 'sandbox.sh'), files.directory, scripts, ownNetwork ? 'bridge' : 'host'];
    return ['unshare', ...namespaces, '--', ...shell, sharing];
  }

  newMark(): undefined {}

  markOf(): undefined {}

  prepareRun(pod: PodFiles, podUid: string, files: RunFiles, container: ContainerConfig): void {
    const { securityContext } = container;
    const args = containerArguments(container, this.#rights(container));
    const { fstab, parts } = containerRoot({
      podDirectory: pod.directory,
      runDirectory: files.directory,
      deviceDirectory: this.#deviceDirectory,
      mounts: container.mounts,
      readOnly: securityContext.readOnlyRootFilesystem === true,
      privileged: securityContext.privileged === true,
      hidden: this.#options.hidden,
      userNamespace: this.isolation === 'user',
    });
    fs.writeFileSync(files.fstab, fstab, { mode: 0o600 });
    if (parts !== '') fs.writeFileSync(files.parts, parts, { mode: 0o600 });
    fs.writeFileSync(files.arguments, args, { mode: 0o600 });
    writeGroups(files, this.#groups?.create(podUid, runName(container), container.limits));
  }

  enter(_podUid: string, entered: EnteredRun, command: readonly string[], tty: boolean): readonly string[] {
    const { files, container, first } = entered;
    const [setpriv = '', ...rights] = this.#rights(container);
    const program = [setpriv, '--pdeathsig=KILL', ...rights, ...execArguments(container, command)]; // ends with nsenter
    return [
      ...joinGroups(this.#options.scripts, files),
      ...['setpriv', '--pdeathsig=KILL'], // ends with the agent
      ...['nsenter', '--target', String(first.pid), ...this.#namespaces(), '--'],
      ...newSession(),
      ...(tty ? inTerminal(program, true) : program),
    ];
  }

  async resizeTerminal(first: ProcessIdentity, device: string, columns: number, rows: number): Promise<void> {
    await run('nsenter', [
      '--target',
      String(first.pid),
      ...this.#namespaces(),
      '--',
      ...setSize(device, columns, rows),
    ]);
  }

  /** Which namespaces of a container to enter, as arguments of nsenter. */
  #namespaces(): string[] {
    return this.isolation === 'user'
      ? ['--user', '--preserve-credentials', '--mount', '--uts', '--ipc', '--pid']
      : ['--mount', '--uts', '--ipc', '--net', '--pid'];
  }

  kill(_podUid: string, first: ProcessIdentity): void {
    const found = processTable.find(first.pid);
    signalProcess(first, 'SIGKILL');
    // Its end is told by what waits for it, which may be stopped.
    if (found?.startTime === first.startTime) send(found.parent, 'SIGCONT');
  }

  /**
   * The first process is gone when the kernel has ended all others of its namespaces. Usually what waits for it is the
   * last to close the sandbox's pipe; when both were killed at once, the kernel may still be at it.
   */
  async gone(_podUid: string, first: ProcessIdentity | undefined): Promise<void> {
    while (first !== undefined && ifPossible(() => isRunning(first)) !== false) {
      await new Promise<void>((resolve) => setTimeout(resolve, DYING_CHECK_MS));
    }
  }

  closeRun(podUid: string, run: string): { readonly outOfMemory: boolean } {
    const outOfMemory = this.#groups?.ranOutOfMemory(podUid, run) === true;
    this.#groups?.remove(podUid, run);
    return { outOfMemory };
  }

  async closePod(podUid: string): Promise<void> {
    await this.#groups?.removePod(podUid);
  }

  /** What a program is started through, to have the rights it asks for and no others. */
  #rights(container: ContainerConfig): string[] {
    const security = container.securityContext;
    if (this.isolation === 'namespaces') return [tool('setpriv'), ...setprivArguments(security)];
    if (security.privileged === true) throw notAtThisLevel('user', 'a privileged container');
    if ((security.capabilities?.add ?? []).length > 0) throw notAtThisLevel('user', 'adding capabilities');
    if ((security.supplementalGroups ?? []).length > 0) throw notAtThisLevel('user', 'setting supplemental groups');
    if (security.runAsNonRoot === true && (security.runAsUser ?? 0) === 0) {
      throw new StartError(
        'CreateContainerConfigError',
        'container has runAsNonRoot and would run as root: set runAsUser',
      );
    }
    // One user of the machine is all there is; under which number a program sees it can be chosen.
    const { runAsUser = 0, runAsGroup = runAsUser } = security;
    const mapped = ['--user', `--map-user=${runAsUser}`, `--map-group=${runAsGroup}`, '--'];
    const plain = setprivArguments(security, false);
    return [tool('setpriv'), ...plain, ...(runAsUser === 0 && runAsGroup === 0 ? [] : [tool('unshare'), ...mapped])];
  }
}

const USER_LIMITATIONS: readonly Limitation[] = [
  {
    reason: 'NoResolver',
    message:
      'without root, resolv.conf cannot point to the name server of the cluster: members of services are in /etc/hosts, ' +
      'and $BERTH_DNS_SERVER answers the rest (SRV records, PTR records)',
  },
  {
    reason: 'OneUser',
    message: "all containers run with the rights of the user that runs Berth, whatever runAsUser's number they see",
  },
];
