import fs from 'node:fs';

import { type ContainerConfig, type PodConfig, StartError } from '../runtime.ts';

/** What a container may do when nothing is said, as Docker and containerd have it. */
const DEFAULT_CAPABILITIES = [
  ...['audit_write', 'chown', 'dac_override', 'fowner', 'fsetid', 'kill', 'mknod', 'net_bind_service', 'net_raw'],
  ...['setfcap', 'setgid', 'setpcap', 'setuid', 'sys_chroot'],
];

/**
 * Throws StartError for what no level gives. The profiles `RuntimeDefault` are those of this runtime: no filter of
 * system calls, but the default capabilities and guarded parts of /proc.
 */
export function checkProfiles({ securityContext: security, mounts }: ContainerConfig): void {
  const refuse = (what: string): StartError =>
    new StartError('CreateContainerConfigError', `${what} is not possible with the process runtime`);
  if (security.seccompProfile?.type === 'Localhost') throw refuse('a seccomp profile of the node');
  if (security.appArmorProfile?.type === 'Localhost') throw refuse('an AppArmor profile of the node');
  const mount = mounts.find(({ beyond }) => beyond !== undefined);
  if (mount !== undefined) throw refuse(`${mount.beyond} of ${mount.mountPath}`);
  if (security.procMount === 'Unmasked') throw refuse('an unmasked /proc');
}

/** Settings of the kernel that a pod has its own of: those of its IPC namespace, and of its network namespace. */
const OWN_SYSCTL = /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/;
const NETWORK_SYSCTL = /^net\./;

/** P9: throws StartError for a setting that would be the whole machine's. */
export function checkSysctls({ sysctls, hostNetwork }: Pick<PodConfig, 'sysctls' | 'hostNetwork'>): void {
  for (const [name, value] of Object.entries(sysctls)) {
    const dotted = name.replaceAll('/', '.');
    if (!OWN_SYSCTL.test(dotted) && (hostNetwork || !NETWORK_SYSCTL.test(dotted)))
      throw new StartError(
        'CreateContainerConfigError',
        `forbidden sysctl: ${JSON.stringify(name)} is not a setting of a pod's own`,
      );
    // The sandbox reads them line by line.
    if (/[\n\0]/.test(value))
      throw new StartError(
        'CreateContainerConfigError',
        `forbidden sysctl: the value of ${JSON.stringify(name)} has several lines`,
      );
  }
}

/** The rights a container's program starts with, as arguments of setpriv; none when it keeps all it has. */
export function setprivArguments(security: ContainerConfig['securityContext'], mayChangeUser = true): string[] {
  const escalation = security.allowPrivilegeEscalation === false ? ['--no-new-privs'] : [];
  if (!mayChangeUser) return [...boundingSet(security), ...escalation];
  const user = security.runAsUser;
  const group = security.runAsGroup ?? (user === undefined ? undefined : primaryGroup(user));
  if (security.runAsNonRoot === true && (user ?? 0) === 0) {
    throw new StartError(
      'CreateContainerConfigError',
      user === 0
        ? "container's runAsUser breaks non-root policy"
        : 'container has runAsNonRoot and programs of this machine run as root: set runAsUser',
    );
  }
  const args: string[] = [];
  const groups = [
    ...new Set([...(security.supplementalGroups ?? []), ...(security.fsGroup === undefined ? [] : [security.fsGroup])]),
  ];
  if (user !== undefined) args.push(`--reuid=${user}`);
  if (group !== undefined) args.push(`--regid=${group}`);
  args.push(groups.length > 0 ? `--groups=${groups.join(',')}` : '--clear-groups');
  return [...args, ...boundingSet(security), ...escalation];
}

function boundingSet(security: ContainerConfig['securityContext']): string[] {
  if (security.privileged === true) return [];
  const names = capabilities(security.capabilities?.add ?? [], security.capabilities?.drop ?? []);
  return [`--bounding-set=-all${names.map((name) => `,+${name}`).join('')}`, '--inh-caps=-all'];
}

function capabilities(add: readonly string[], drop: readonly string[]): string[] {
  const plain = (name: string): string => name.toLowerCase().replace(/^cap_/, '');
  const added = add.map(plain);
  const dropped = new Set(drop.map(plain));
  if (added.includes('all')) return ALL_CAPABILITIES.filter((name) => !dropped.has(name));
  const base = dropped.has('all') ? [] : DEFAULT_CAPABILITIES.filter((name) => !dropped.has(name));
  const unknown = added.find((name) => !ALL_CAPABILITIES.includes(name));
  if (unknown !== undefined) {
    throw new StartError('CreateContainerError', `unknown capability to add: "CAP_${unknown.toUpperCase()}"`);
  }
  return [...new Set([...base, ...added])];
}

const ALL_CAPABILITIES = [
  ...DEFAULT_CAPABILITIES,
  ...['audit_control', 'audit_read', 'block_suspend', 'bpf', 'checkpoint_restore', 'dac_read_search', 'ipc_lock'],
  ...['ipc_owner', 'lease', 'linux_immutable', 'mac_admin', 'mac_override', 'net_admin', 'net_broadcast', 'perfmon'],
  ...['sys_admin', 'sys_boot', 'sys_module', 'sys_nice', 'sys_pacct', 'sys_ptrace', 'sys_rawio', 'sys_resource'],
  ...['sys_time', 'sys_tty_config', 'syslog', 'wake_alarm'],
];

/** The group of the user in the machine's list, as it would be in an image's; 0 for a user that is not in it. */
function primaryGroup(user: number): number {
  for (const line of fs.readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [, , uid, gid] = line.split(':');
    if (uid !== undefined && Number(uid) === user) return Number(gid);
  }
  return 0;
}
