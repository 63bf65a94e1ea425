import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

import { type IdentityLock, LockHeldError } from '../runtime.ts';
import { namesIn, readIfThere } from './files.ts';
import { isRunning, parseStat } from './process-identity.ts';
import { findTool } from './tools.ts';

/** A lock and the file that is locked for it. */
export interface LockFile {
  readonly lock: IdentityLock;
  readonly file: string;
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
  // systemd-tmpfiles takes files out of /var/tmp that were not used for a month, but not those with the sticky bit.
  if (process.platform === 'linux') fs.closeSync(fs.openSync(file, 'a', 0o1600));
  return { lock, file };
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

/**
 * The beginning of a command line: locks the file for the program that follows and for all it starts, or ends with
 * `exitCode` when it is locked.
 */
export function lockCommand(file: string, exitCode: number): string[] {
  // Other systems have none of their own, and what is to be had there under the name lacks options.
  if (process.platform === 'linux' && findTool('flock') !== undefined) return ['flock', '-nFE', String(exitCode), file];
  const script =
    'use Fcntl qw(:flock F_SETFD); my ($file, $code) = splice @ARGV, 0, 2; open(my $lock, "+>>", $file) or exit 98; ' +
    'flock($lock, LOCK_EX | LOCK_NB) or exit $code; fcntl($lock, F_SETFD, 0); exec { $ARGV[0] } @ARGV; exit 97';
  return ['perl', '-e', script, '--', file, String(exitCode)];
}

/** What the file of a lock says while a pod holds it; the sandbox writes it there. */
export function holderText(holder: { readonly pod: string; readonly uid: string; readonly directory: string }): string {
  return JSON.stringify(holder);
}

export function lockHeld({ lock, file }: LockFile): LockHeldError {
  const [text = '', stat = ''] = (readIfThere(file) ?? '').split('\n');
  const pod = namedHolder(text);
  const first = parseStat(stat);
  if (pod !== undefined && first !== undefined && isRunning(first)) return new LockHeldError(lock, pod);
  // The pod that is named there is over: something it left behind, or another program, has locked the file.
  const process = processWithFile(file);
  const last = pod === undefined ? '' : `; the last to have it was ${pod}`;
  return new LockHeldError(lock, `${process ?? 'another process'}${last}`);
}

function namedHolder(text: string): string | undefined {
  try {
    const { pod, uid, directory } = JSON.parse(text) as Record<string, string>;
    return `pod ${pod} (uid ${uid}) of the server with its data in ${directory}`;
  } catch {
    return undefined;
  }
}

/** The first process that has the file open, where the system tells (Linux). */
function processWithFile(file: string): string | undefined {
  // By its name: a process with another root sees another path.
  const name = path.basename(file);
  for (const pid of namesIn('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      const isOpen = fs
        .readdirSync(`/proc/${pid}/fd`)
        .some((descriptor) => path.basename(fs.readlinkSync(`/proc/${pid}/fd/${descriptor}`)) === name);
      if (isOpen) return `process ${pid} (${fs.readFileSync(`/proc/${pid}/comm`, 'utf8').trim()})`;
    } catch {
      // it has ended meanwhile, or is another user's
    }
  }
  return undefined;
}
