import type { ContainerConfig, Limitation, PodConfig } from '../runtime.ts';
import type { Isolation } from './isolation.ts';
import type { PodFiles, RunFiles } from './pod-files.ts';
import type { ProcessIdentity } from './process-identity.ts';

/** What differs between the levels of isolation. */
export interface Level {
  readonly isolation: Isolation;
  readonly limitations: readonly Limitation[];
  /** Throws StartError when the pod asks for what the level does not give. */
  checkPod(pod: PodConfig): void;
  /** The command line that becomes the sandbox. */
  sandboxCommand(files: PodFiles, pod: PodConfig): readonly string[];
  /** What a new pod's processes are to be marked with, where nothing else keeps them together. */
  newMark(podUid: string): string | undefined;
  /** The variable that marks each process of the pod, where nothing else keeps them together. */
  markOf(podUid: string): Readonly<Record<string, string>> | undefined;
  /**
   * Writes what a run is started with: its arguments, and what its root is made of. Throws StartError when the container
   * asks for what the level does not give.
   */
  prepareRun(pod: PodFiles, podUid: string, run: RunFiles, container: ContainerConfig): void;
  /** The command line that runs something beside the program of a container. */
  enter(podUid: string, entered: EnteredRun, command: readonly string[], tty: boolean): readonly string[];
  /** Sets the size of a terminal of the container; `device` is its path there. */
  resizeTerminal(first: ProcessIdentity, device: string, columns: number, rows: number): Promise<void>;
  /** M2: begins to kill all processes of the pod; `first` is its first one. */
  kill(podUid: string, first: ProcessIdentity): void;
  /** A run has ended: whether for want of memory. Lets go of what the kernel kept for it. */
  closeRun(podUid: string, run: string): { readonly outOfMemory: boolean };
  /** M2: resolves when none is left. The sandbox has ended: whatever is left is killed. */
  gone(podUid: string, first: ProcessIdentity | undefined): Promise<void>;
  /** The pod has ended: lets go of what the kernel kept for it, and resolves when it has. */
  closePod(podUid: string): Promise<void>;
}

/** A run of a container that something is to be run beside. */
export interface EnteredRun {
  readonly files: RunFiles;
  readonly container: ContainerConfig;
  /** The first process of its namespaces. */
  readonly first: ProcessIdentity;
}
