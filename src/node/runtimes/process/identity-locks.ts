import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { type IdentityLock, LockHeldError } from '../runtime.ts';
import { namesIn, readIfThere } from './files.ts';
import { isRunning, parseStat } from './process-identity.ts';
import { findTool } from './tools.ts';

/** A lock and the files that are locked for it. Whoever wants it needs both, so it is held while either is. */
export interface LockFile {
  readonly lock: IdentityLock;
  /** Locked by the processes that keep the pod; no program of it can let go of it. Says who has it. */
  readonly file: string;
  /**
   * Locked by the programs too, where they do not end with the processes that keep them (level "processes"): it stays
   * when those are killed.
   */
  readonly programs: string;
}

/**
 * M5: the files are in one directory for all servers of this machine, so that a copied data directory or a second
 * server collides. They are never deleted: a lock is on the file, and another file of the same name would be another
 * lock.
 */
export function lockFile(lock: IdentityLock): LockFile {
  const directory = path.join(machineDirectory(), 'locks');
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, createHash('sha256').update(lock.id).digest('hex').slice(0, 32));
  const programs = `${file}.programs`;
  // systemd-tmpfiles takes files out of /var/tmp that were not used for a month, but not those with the sticky bit.
  if (process.platform === 'linux') for (const one of [file, programs]) fs.closeSync(fs.openSync(one, 'a', 0o1600));
  return { lock, file, programs };
}

/** Where all servers of this user on this machine meet, at least until the machine is started anew. */
export function machineDirectory(): string {
  if (process.getuid?.() === 0 && process.platform === 'linux') return '/run/berth';
  // The user's own runtime directory goes with the last session, pods do not; and macOS takes files out of /tmp that
  // were not used for three days, held open or not.
  const directory = `/var/tmp/berth-${process.getuid?.() ?? 0}`;
  fs.mkdirSync(directory, { recursive: true, mode: 0o700 });
  // Whoever else made it could take locks away from us.
  const stat = fs.lstatSync(directory);
  if (!stat.isDirectory() || stat.uid !== process.getuid?.() || (stat.mode & 0o022) !== 0) {
    throw new Error(`${directory} is not a directory that only this user can write to`);
  }
  return directory;
}

/** A file, and what to end with when another has locked it. */
export type Wanted = readonly [file: string, exitCode: number];

/**
 * The beginning of a command line: locks the files for the program that follows and for all it starts, or ends with the
 * exit code of the first that is locked. Each gets the first number that is free.
 */
export function lockCommand(files: readonly Wanted[]): string[] {
  if (files.length === 0) return [];
  // Other systems have none of their own, and what is to be had there under the name lacks options.
  if (process.platform === 'linux' && findTool('flock') !== undefined) {
    return files.flatMap(([file, exitCode]) => ['flock', '-nFE', String(exitCode), file]);
  }
  return keeperCommand(files);
}

/**
 * As {@link lockCommand}; on Linux the program also becomes the parent of all it has started that lose their own, so
 * that they are known.
 */
export function keeperCommand(files: readonly Wanted[]): string[] {
  const prctl = process.platform === 'linux' ? (PRCTL[process.arch] ?? 0) : 0;
  if (files.length === 0 && prctl === 0) return [];
  if (process.platform === 'linux' && findTool('perl') === undefined) return lockCommand(files);
  const names = files.flatMap(([file, exitCode]) => [file, String(exitCode)]);
  return ['perl', '-e', KEEPER, '--', String(prctl), String(files.length), ...names];
}

/** The number of the system call, which Perl alone of the system's tools can make; 36 is PR_SET_CHILD_SUBREAPER. */
const PRCTL: Readonly<Record<string, number>> = { x64: 157, arm64: 167 };

/** Without modules, which would take longer to load than all the rest. $^F: what is opened stays open; 6: LOCK_EX | LOCK_NB. */
const KEEPER =
  'my ($prctl, $count) = splice @ARGV, 0, 2; syscall($prctl, 36, 1, 0, 0, 0) if $prctl; $^F = 255; my @kept; ' +
  'for (1 .. $count) { my ($file, $code) = splice @ARGV, 0, 2; ' +
  'open(my $lock, ">>", $file) or do { warn "$file: $!\n"; exit 98 }; ' +
  'flock($lock, 6) or exit $code; push @kept, $lock } exec { $ARGV[0] } @ARGV; exit 97';

export interface LockHolder {
  /** Its namespace and name. */
  readonly pod: string;
  readonly uid: string;
  /** Its node's. */
  readonly directory: string;
}

/** What the file of a lock says while a pod holds it; the sandbox writes it there. */
export function holderText(holder: LockHolder): string {
  return JSON.stringify(holder);
}

/** Says who has a lock. `pid`: a process that has it, where that is known. */
export function lockHeld({ lock, file, programs }: LockFile, pid?: number): LockHeldError {
  const last = lastHolder(file);
  if (last !== undefined && firstLives(file)) return new LockHeldError(lock, nameOf(last));
  // The pod that is named there is over: something it left behind, or another program, has locked the file.
  const holder = pid ?? processWithFile([file, programs]);
  const name = readIfThere(`/proc/${holder}/comm`)?.trim();
  const process =
    holder === undefined ? 'another process' : `process ${holder}${name === undefined ? '' : ` (${name})`}`;
  return new LockHeldError(lock, `${process}${last === undefined ? '' : `; the last to have it was ${nameOf(last)}`}`);
}

/** The pod that has the lock, or had it last, if it is written down. */
export function lastHolder(file: string): LockHolder | undefined {
  const [text = ''] = (readIfThere(file) ?? '').split('\n');
  try {
    const { pod, uid, directory } = JSON.parse(text) as Partial<LockHolder>;
    return pod === undefined || uid === undefined || directory === undefined ? undefined : { pod, uid, directory };
  } catch {
    return undefined;
  }
}

/** Whether the first process of the pod that had the lock last is there. */
function firstLives(file: string): boolean {
  const [, stat = ''] = (readIfThere(file) ?? '').split('\n');
  const first = parseStat(stat);
  return first !== undefined && isRunning(first);
}

function nameOf({ pod, uid, directory }: LockHolder): string {
  return `pod ${pod} (uid ${uid}) of the server with its data in ${directory}`;
}

/** The first process that has one of the files open, where the system tells (Linux). */
function processWithFile(files: readonly string[]): number | undefined {
  // By its name: a process with another root sees another path.
  const names = new Set(files.map((file) => path.basename(file)));
  for (const pid of namesIn('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const isOpen = fs
        .readdirSync(`/proc/${pid}/fd`)
        .some((descriptor) => names.has(path.basename(fs.readlinkSync(`/proc/${pid}/fd/${descriptor}`))));
      if (isOpen) return Number(pid);
    } catch {
      // it has ended meanwhile, or is another user's
    }
  }
  return undefined;
}
