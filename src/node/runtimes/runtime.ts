import type { Duplex, Readable } from 'node:stream';

import type { SecurityContext } from '../../api/generated/types.ts';
import type { PortNumbers } from '../../api/pod-ports.ts';
import type { ExecSession, LogOptions } from '../../client/pod-streams.ts';

/** Who a pod is, wherever it is written down. */
export interface PodIdentity {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

/**
 * M5: a lock in the kernel that the pod's processes hold for as long as one of them lives. `id` names the volume
 * machine-wide (a copy of the data directory has the same one).
 */
export interface IdentityLock {
  readonly id: string;
  /** For messages: `claim default/data-redis-0`. */
  readonly description: string;
}

/** A pod's sandbox: what its containers share. */
export interface PodConfig extends PodIdentity {
  readonly hostname: string;
  /** `redis-0.redis.default.svc.cluster.local`, when the pod has a subdomain. */
  readonly fullyQualifiedName?: string;
  readonly hostNetwork: boolean;
  /** It has the machine's queues, semaphores and shared memory. */
  readonly hostIPC?: boolean;
  /** It sees all processes of the machine. */
  readonly hostPID?: boolean;
  /** Its containers see each other's processes. */
  readonly shareProcessNamespace?: boolean;
  /** Its users are none of the machine's. */
  readonly ownUsers?: boolean;
  /** Those that its containers declare. */
  readonly ports: readonly number[];
  /** The lines of the pod's resolver configuration. */
  readonly dns: {
    readonly nameservers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  readonly hostAliases: readonly { readonly ip: string; readonly hostnames: readonly string[] }[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly locks: readonly IdentityLock[];
  /** How long its containers may take to end, for who ends it without its object. */
  readonly graceMs?: number;
}

export interface Mount {
  /** Absolute; exists. A directory or a file. */
  readonly hostPath: string;
  /** The volume that it is a part of, when it is not all of one: what is mounted must not lie outside of it. */
  readonly volumePath?: string;
  /** Absolute, inside the container. */
  readonly mountPath: string;
  readonly readOnly: boolean;
  /** What the container asks of the mount beyond that, in words. */
  readonly beyond?: string;
}

/** A container with everything resolved: no reference to any other object is left in it. */
export interface ContainerConfig {
  readonly name: string;
  /** `init` runs to its end before the others, `sidecar` is started with those and stays. */
  readonly kind: 'init' | 'sidecar' | 'main' | 'ephemeral';
  /** 0 for the first run, one more for each restart. */
  readonly attempt: number;
  readonly image: string;
  /** Program and arguments; when there is no program, the runtime finds one for the image. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Absolute; the image's own when absent. */
  readonly workingDir?: string;
  readonly mounts: readonly Mount[];
  readonly stdin: boolean;
  /** Its input ends with that of the first client that attaches to it. */
  readonly stdinOnce?: boolean;
  readonly tty: boolean;
  /** Pod's and container's merged. */
  readonly securityContext: SecurityContext & {
    readonly fsGroup?: number;
    readonly supplementalGroups?: readonly number[];
  };
  /** Absent: no limit. */
  readonly limits: { readonly cpuMillis?: number; readonly memoryBytes?: number };
  /** File, on the node, of which the last bytes become the termination message. */
  readonly terminationMessagePath: string;
}

export type ContainerStatus =
  | {
      readonly state: 'running';
      readonly name: string;
      readonly attempt: number;
      readonly startedAtMs: number;
      /** Only from a runtime without real processes: what the probes would find. The agent then runs none. */
      readonly health?: { readonly started: boolean; readonly ready: boolean; readonly live: boolean };
    }
  | {
      readonly state: 'exited';
      readonly name: string;
      readonly attempt: number;
      readonly startedAtMs: number;
      readonly finishedAtMs: number;
      /** 128 + n when signal n ended it. */
      readonly exitCode: number;
      readonly reason: 'Completed' | 'Error' | 'OOMKilled';
      readonly message?: string;
    };

/** What is really there of a pod. */
export interface PodStatus extends PodIdentity {
  /** False: its processes have all ended, but its mounts, addresses or locks may be left: `stopPod` clears them. */
  readonly alive: boolean;
  readonly ips: readonly string[];
  /** When others have the same address: which port each that the pod declares is there. */
  readonly ports?: PortNumbers;
  readonly startedAtMs: number;
  /** As in its {@link PodConfig}. */
  readonly graceMs?: number;
  /** The newest run of each container that was ever started. */
  readonly containers: readonly ContainerStatus[];
}

/** Something of a pod changed by itself: look again with `status`. */
export type PodListener = (podUid: string) => void;

/** Something a runtime cannot do at its level, told to users in the node's conditions and in events (P8, P9). */
export interface Limitation {
  /** `NoNetworkNamespace` */
  readonly reason: string;
  readonly message: string;
}

/**
 * What a node runs pods with. It holds no truth of its own in memory: after a crash `list` tells what really runs, and
 * everything goes on from there. Every call is idempotent.
 */
export interface Runtime {
  readonly name: string;
  readonly limitations: readonly Limitation[];
  /** How far its pods are kept apart, in a word, where there is something to keep; known once it is started. */
  readonly isolation?: string;
  /** The network of its pods, where it has one; known once it is started. */
  readonly podCidr?: string;
  /** It runs no processes: nobody reads the files and directories that pods' volumes are, and none are made. */
  readonly simulated?: boolean;
  /** Makes ready and finds what runs. */
  start(listener: PodListener): Promise<void>;
  list(): Promise<readonly PodStatus[]>;
  /** Undefined when nothing of the pod is left. */
  status(podUid: string): Promise<PodStatus | undefined>;
  /**
   * Of one that has ended, first clears what is left. Throws {@link LockHeldError} when another pod holds one of the
   * locks, {@link StartError} when it cannot be.
   */
  startPod(pod: PodConfig): Promise<PodStatus>;
  /** Throws {@link StartError} when it cannot be started as asked. */
  startContainer(podUid: string, container: ContainerConfig): Promise<void>;
  /** Signals the container's first process; kills the whole container after `graceMs`. Resolves when it has ended. */
  stopContainer(
    podUid: string,
    name: string,
    options: { readonly signal: string; readonly graceMs: number },
  ): Promise<void>;
  /**
   * M2: kills what is left and resolves when no process of the pod lives and its mounts, addresses and locks are
   * free. Its logs and exit codes stay until `removePod`.
   */
  stopPod(podUid: string): Promise<void>;
  /** How many bytes each container has written to the disk of the node, its log among them; volumes are not counted. */
  diskUse?(podUid: string): Promise<ReadonlyMap<string, number>>;
  /** Forgets a stopped pod: logs, exit codes, writable layers. */
  removePod(podUid: string): Promise<void>;
  exec(
    podUid: string,
    container: string,
    options: { readonly command: readonly string[]; readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession>;
  attach(
    podUid: string,
    container: string,
    options: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<ExecSession>;
  /** Connects to a port that a program of the pod listens on for itself only, at `localhost`; undefined when none does. */
  connectInside?(podUid: string, port: number): Promise<Duplex | undefined>;
  logs(podUid: string, options: LogOptions): Promise<Readable>;
  /** Lets go of everything and leaves the pods running. */
  close(): Promise<void>;
}

/** The lock is held by the processes of another pod. */
export class LockHeldError extends Error {
  override readonly name = 'LockHeldError';
  readonly lock: IdentityLock;
  /** As far as it can be told: pod, uid, process id, server. */
  readonly holder: string;

  constructor(lock: IdentityLock, holder: string) {
    super(`${lock.description} is in use by ${holder}`);
    this.lock = lock;
    this.holder = holder;
  }
}

/** A pod or container cannot be started as it is. `reason` becomes the waiting reason users know. */
export class StartError extends Error {
  override readonly name = 'StartError';
  readonly reason:
    | 'ErrImageNeverPull'
    | 'CreateContainerConfigError'
    | 'CreateContainerError'
    | 'RunContainerError'
    | 'InvalidImageName';

  constructor(reason: StartError['reason'], message: string) {
    super(message);
    this.reason = reason;
  }
}
