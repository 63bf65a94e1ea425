import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { LockUnavailableError, lockFile } from './directory-lock.ts';
import { processIdentity } from './process-identity.ts';

/** Where the parts of a cluster keep their files. */
export interface DataPaths {
  readonly path: string;
  /** Directory of the store. */
  readonly store: string;
  /** Directory of certificates and keys. */
  readonly pki: string;
  /** The administrator's credentials. */
  readonly kubeconfig: string;
  /** What {@link readServerStatus} reads. */
  readonly statusFile: string;
  /** Directory with one directory for each node. */
  readonly nodes: string;
  /** Who holds the directory (M4). */
  readonly lock: string;
  readonly serverLog: string;
  /** What a server says that has no terminal. */
  readonly detachedOutput: string;
}

/** A data directory that this process holds. */
export interface DataDirectory extends DataPaths {
  /** Removes the status and lets others have the directory. Also happens by itself when the process ends. */
  release(): void;
}

/** The running server, as it tells others on this machine. */
export interface ServerStatus {
  readonly pid: number;
  /** RFC 3339. */
  readonly startedAt: string;
  /** `https://127.0.0.1:6443` */
  readonly apiServer: string;
  /** `127.0.0.1:10053` */
  readonly dns: string;
  readonly kubeconfig: string;
  readonly dataDir: string;
  /** How far pods are kept apart. */
  readonly isolation: string;
  /** Names, also of those that were taken away. */
  readonly nodes: readonly string[];
  readonly version: string;
}

/** A data directory cannot be used. `hint` says what to do. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
  readonly hint: string;

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.hint = hint;
  }
}

const OTHER_DIRECTORY = 'name another one with --data-dir';

/**
 * The directory that is meant, as an absolute path: `dataDir` (`--data-dir`), else `$BERTH_DATA_DIR`, else
 * `$XDG_DATA_HOME/berth`, else `~/.local/share/berth`. A variable that is empty is as good as none; `$XDG_DATA_HOME`
 * counts only when it is absolute, as its specification says.
 */
export function dataDirectoryPath(dataDir?: string, environment: NodeJS.ProcessEnv = process.env): string {
  const named = dataDir || environment.BERTH_DATA_DIR;
  if (named) return path.resolve(named);
  const shared = environment.XDG_DATA_HOME;
  if (shared && path.isAbsolute(shared)) return path.join(shared, 'berth');
  return path.join(environment.HOME || homeOfUser(), '.local', 'share', 'berth');
}

/** As the system knows it, whatever the environment says. Who it does not know is at home in `/`, as in containers. */
function homeOfUser(): string {
  try {
    return os.userInfo().homedir;
  } catch {
    return '/';
  }
}

export function dataPaths(directory: string): DataPaths {
  return {
    path: directory,
    store: path.join(directory, 'store'),
    pki: path.join(directory, 'pki'),
    kubeconfig: path.join(directory, 'kubeconfig'),
    statusFile: path.join(directory, 'berth.json'),
    nodes: path.join(directory, 'nodes'),
    lock: path.join(directory, 'lock'),
    serverLog: path.join(directory, 'server.log'),
    detachedOutput: path.join(directory, 'berth.log'),
  };
}

/** What is made beside them: an older log, a store that a restore has replaced, a status that was about to be written. */
const BESIDE = /^(server\.log\.1|store\.(restoring|replaced-.*)|berth\.json\.\d+)$/;

/**
 * Removes all that Berth has made in a directory, and the directory if nothing else is in it: somebody may have named
 * one that is not Berth's alone. True when it is gone. The caller holds it.
 */
export function removeData(directory: string): boolean {
  const { path: _, ...own } = dataPaths(directory);
  const names = new Set(Object.values(own).map((file) => path.basename(file)));
  for (const name of fs.readdirSync(directory)) {
    if (names.has(name) || BESIDE.test(name)) fs.rmSync(path.join(directory, name), { recursive: true, force: true });
  }
  try {
    fs.rmdirSync(directory);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes the directory (mode 0700) when there is none, and takes it for this process (M4).
 *
 * Throws {@link DataDirectoryError} when it is no directory, cannot be written to, or another server holds it: the
 * message says which one.
 */
export async function openDataDirectory(directory: string): Promise<DataDirectory> {
  const paths = dataPaths(directory);
  try {
    const lock = await lockFile(paths.lock);
    if (!lock.locked) throw heldError(paths, lock.holder);
    // One that was killed has left it; it would tell of a server that is not there.
    fs.rmSync(paths.statusFile, { force: true });
    return {
      ...paths,
      release() {
        fs.rmSync(paths.statusFile, { force: true });
        lock.release();
      },
    };
  } catch (error) {
    throw dataDirectoryError(directory, error);
  }
}

/**
 * Tells others of this server, or, while it is starting, of its process. The file is replaced in one step: a reader
 * finds the old one or the new one.
 */
export function writeServerStatus(status: ServerStatus | StartingServer): void {
  const { statusFile } = dataPaths(status.dataDir);
  const temporary = `${statusFile}.${process.pid}`;
  const file: StatusFile = { ...status, identity: processIdentity(status.pid) };
  fs.writeFileSync(temporary, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
  fs.renameSync(temporary, statusFile);
}

/** The server that runs on a directory; undefined when none does, also when one was killed or is still starting. */
export function readServerStatus(directory: string): ServerStatus | undefined {
  const file = readStatusFile(directory);
  if (file === undefined || !('apiServer' in file)) return undefined;
  const { identity: _, ...status } = file;
  return status;
}

/** The process of the server that runs on a directory, or is starting on it. */
export function serverProcess(directory: string): number | undefined {
  return readStatusFile(directory)?.pid;
}

/** What the file says, when it is about a process that lives, and about this directory and none it was copied from. */
function readStatusFile(directory: string): StatusFile | undefined {
  try {
    const file = JSON.parse(fs.readFileSync(dataPaths(directory).statusFile, 'utf8')) as StatusFile;
    const lives = file.identity !== undefined && processIdentity(file.pid) === file.identity;
    return lives && isSameDirectory(file.dataDir, directory) ? file : undefined;
  } catch {
    return undefined; // there is none, or somebody else has written there
  }
}

function isSameDirectory(one: string, other: string): boolean {
  const [a, b] = [fs.statSync(one), fs.statSync(other)];
  return a.ino === b.ino && a.dev === b.dev;
}

type StartingServer = Pick<ServerStatus, 'pid' | 'dataDir'>;
type StatusFile = (ServerStatus | StartingServer) & { readonly identity: string | undefined };

function heldError(paths: DataPaths, holder: { readonly pid: number; readonly since: string } | undefined): Error {
  if (holder === undefined) {
    return new DataDirectoryError(`${paths.path} is in use by another server that has just started`, OTHER_DIRECTORY);
  }
  const status = readServerStatus(paths.path);
  const address = status?.pid === holder.pid ? `, API ${status.apiServer}` : '';
  const who = holder.pid === process.pid ? 'this process itself' : `process ${holder.pid}`;
  return new DataDirectoryError(
    `${paths.path} is in use by ${who} since ${holder.since}${address}`,
    `use that one, end it with berth down, or ${OTHER_DIRECTORY}`,
  );
}

/** What the system says about a file of a data directory, and what to do about it. */
export function dataDirectoryError(directory: string, error: unknown): DataDirectoryError {
  if (error instanceof DataDirectoryError) return error;
  if (error instanceof LockUnavailableError) {
    return new DataDirectoryError(`${directory} cannot be locked: ${error.message}`, 'install it', { cause: error });
  }
  const { code, path: where = directory, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EEXIST':
    case 'ENOTDIR':
      return new DataDirectoryError(
        `${directory} is not a directory: there is a file at it or above it`,
        OTHER_DIRECTORY,
      );
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new DataDirectoryError(
        `${where} cannot be written to by user ${process.getuid?.()} (${code})`,
        `give that user the right to, or ${OTHER_DIRECTORY}`,
      );
    case 'ENOSPC':
    case 'EDQUOT':
      return new DataDirectoryError(`there is no room left for ${where}`, `make room, or ${OTHER_DIRECTORY}`);
    default:
      return new DataDirectoryError(`${where} cannot be used: ${message}`, OTHER_DIRECTORY, { cause: error });
  }
}
