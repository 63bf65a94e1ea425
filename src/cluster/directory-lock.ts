import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { processIdentity } from './process-identity.ts';

/** Who holds a lock, as it has written it down. */
interface LockHolder {
  readonly pid: number;
  /** RFC 3339. */
  readonly since: string;
  /** See {@link processIdentity}. */
  readonly identity: string | undefined;
}

export type LockResult =
  | { readonly locked: true; release(): void }
  /** `holder` is absent when the one who has just taken it has not said who it is. */
  | { readonly locked: false; readonly holder?: LockHolder };

/** The system has no way to take the lock. */
export class LockUnavailableError extends Error {
  override readonly name = 'LockUnavailableError';
}

/**
 * So often somebody tries who finds it held by nobody: the one that took it writes its name right after, and the last
 * threads of one that was killed may hold it a little longer.
 */
const HOLDER_TRIES = 20;
const HOLDER_TRY_MS = 25;

/**
 * M4: takes a lock that the kernel holds for this process (`flock`) on a file, which is made with its directory when it
 * does not exist. It ends with the process, however that ends, so that a lock is never left behind, and of two that
 * try at the same moment exactly one gets it. What the file says is for people only.
 */
export async function lockFile(file: string): Promise<LockResult> {
  for (let tries = 1; ; tries++) {
    makeDirectory(path.dirname(file));
    const descriptor = await tryLock(file);
    if (descriptor !== undefined) {
      if (isFileAt(file, descriptor)) return held(descriptor);
      // The one that held it has deleted the directory meanwhile: this is the lock of nothing.
      fs.closeSync(descriptor);
      continue;
    }
    const holder = readHolder(file);
    if (holder !== undefined) return { locked: false, holder };
    if (tries === HOLDER_TRIES) return { locked: false };
    await new Promise((resolve) => setTimeout(resolve, HOLDER_TRY_MS));
  }
}

function held(descriptor: number): LockResult {
  const holder: LockHolder = {
    pid: process.pid,
    since: new Date().toISOString(),
    identity: processIdentity(process.pid),
  };
  fs.ftruncateSync(descriptor);
  fs.writeSync(descriptor, `${JSON.stringify(holder)}\n`, 0);
  return {
    locked: true,
    release() {
      fs.ftruncateSync(descriptor);
      fs.closeSync(descriptor);
    },
  };
}

/**
 * Makes a directory that only its user can read, and those above it. Not `mkdir` with `recursive`: where a directory
 * cannot be (in /proc), Node tries that for ever.
 */
export function makeDirectory(directory: string): void {
  if (fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) return;
  const parent = path.dirname(directory);
  if (parent !== directory) makeDirectory(parent);
  try {
    fs.mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Somebody else may have made it at the same moment.
    if (!fs.statSync(directory, { throwIfNoEntry: false })?.isDirectory()) throw error;
  }
}

function isFileAt(file: string, descriptor: number): boolean {
  const there = fs.statSync(file, { throwIfNoEntry: false });
  const held = fs.fstatSync(descriptor);
  return there?.ino === held.ino && there.dev === held.dev;
}

/** A descriptor that holds the lock as long as it is open; undefined when somebody else has it. */
async function tryLock(file: string): Promise<number | undefined> {
  const { O_RDWR, O_CREAT, O_NONBLOCK } = fs.constants;
  if (process.platform !== 'linux') {
    const O_EXLOCK = 0x20; // macOS and the BSDs lock in the same call that opens
    try {
      return fs.openSync(file, O_RDWR | O_CREAT | O_NONBLOCK | O_EXLOCK, 0o600);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
      throw error;
    }
  }
  const descriptor = fs.openSync(file, O_RDWR | O_CREAT, 0o600);
  try {
    if (await flock(descriptor)) return descriptor;
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  fs.closeSync(descriptor);
  return undefined;
}

/**
 * Locks the open file that a descriptor of this process stands for. The lock belongs to the open file, not to the
 * program that asked for it, so it stays when that program has ended.
 */
function flock(descriptor: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'pipe', descriptor] });
    let said = '';
    child.stderr?.on('data', (chunk) => {
      said += chunk;
    });
    child.once('error', (error) => {
      const { code } = error as NodeJS.ErrnoException;
      const hint = code === 'ENOENT' ? 'the program flock is missing (package util-linux)' : error.message;
      reject(new LockUnavailableError(hint));
    });
    child.once('close', (code) => {
      if (code === 0 || code === 1) resolve(code === 0);
      else reject(new LockUnavailableError(said.trim() || `flock ended with exit code ${code}`));
    });
  });
}

/** What the file says, when it is about a process that lives: a dead one has left it behind. */
function readHolder(file: string): LockHolder | undefined {
  try {
    const holder = JSON.parse(fs.readFileSync(file, 'utf8')) as LockHolder;
    return holder.identity !== undefined && processIdentity(holder.pid) === holder.identity ? holder : undefined;
  } catch {
    return undefined;
  }
}
