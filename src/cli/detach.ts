import { spawn } from 'node:child_process';
import fs from 'node:fs';
import { builtInTypes, StatefulSets } from '../api/kinds.ts';
import { formatKey, keyOf, type ObjectKey } from '../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import { dataDirectoryError, dataDirectoryPath, dataPaths, type ServerStatus } from '../cluster/data-directory.ts';
import { makeDirectory } from '../cluster/directory-lock.ts';
import type { Applied } from './apply.ts';
import { connect } from './connect.ts';
import { CliError } from './errors.ts';
import type { Output } from './output.ts';
import { displayName } from './resources.ts';
import { shellWord } from './shell-word.ts';
import { untilReady } from './until-ready.ts';
import type { UpOptions } from './up-options.ts';

/** Tells the process that was started for `--detach` what it is. */
const MARK = 'BERTH_DETACHED';

const DETACHED = process.env[MARK] === '1' && process.send !== undefined;

/** Whether this process is the one that goes on running. */
export function isDetached(): boolean {
  return DETACHED;
}

/** What the process that goes on running tells the one that started it. */
interface Announcement {
  readonly status: ServerStatus;
  readonly applied: readonly { readonly apiVersion: string; readonly kind: string; readonly key: ObjectKey }[];
}

/** From the process that goes on running: it is up, and everything is applied. */
export function announceToParent(started: {
  readonly status: ServerStatus;
  readonly applied: readonly Applied[];
}): void {
  const applied = started.applied.map(({ type, key }) => ({ apiVersion: apiVersionOf(type), kind: type.kind, key }));
  const announcement: Announcement = { status: started.status, applied };
  // The one that started it may have gone, or wait no longer.
  if (!process.connected) return;
  process.send?.(announcement);
  process.disconnect();
}

/**
 * Starts this command again as a process of its own, and returns when all that was applied is ready. Throws a
 * {@link CliError} when it could not start, or is not ready in time: then it goes on running all the same, and the
 * error says what is missing.
 */
export async function detach(options: UpOptions, output: Output): Promise<void> {
  const deadline = Date.now() + options.timeout;
  const directory = dataDirectoryPath(options.dataDir);
  // Other commands have to be told which cluster is meant, unless it is the one they take by themselves.
  const where = directory === dataDirectoryPath() ? '' : ` --data-dir ${shellWord(directory)}`;
  const logFile = dataPaths(directory).detachedOutput;
  const { status, applied } = await startServer(directory, {
    readsInput: options.filename?.includes('-') === true,
    timeoutMs: options.timeout,
    late: `it goes on starting; ${logFile} has what it says, berth down${where} ends it`,
  });
  output.line(`Berth ${status.version} runs in ${status.dataDir} (process ${status.pid})`);
  output.line(`  API ${status.apiServer}   DNS ${status.dns}   log ${logFile}`);
  const session = connect(options);
  try {
    const targets: { readonly type: ResourceType; readonly key: ObjectKey }[] = applied.flatMap(
      ({ apiVersion, kind, key }) => {
        const type = builtInTypes.find((known) => known.kind === kind && apiVersionOf(known) === apiVersion);
        return type === undefined ? [] : [{ type, key }];
      },
    );
    // The sets of earlier go on where they were.
    for (const set of (await session.client.list(StatefulSets)).items) {
      const key = keyOf(set);
      if (!targets.some((target) => target.type.kind === StatefulSets.kind && formatKey(target.key) === formatKey(key)))
        targets.push({ type: StatefulSets, key });
    }
    const late = await Promise.all(
      targets.map(async ({ type, key }) => {
        const why = await untilReady(session.client, type, key, deadline, (text) =>
          output.line(`  ${displayName(type, key.name)}: ${text}`),
        );
        return why === undefined ? [] : [`${displayName(type, key.name)}: ${why}`];
      }),
    );
    const missing = late.flat();
    if (missing.length > 0) {
      throw new CliError(
        `not ready after ${options.timeout / 1000} s:\n${missing.map((line) => `  ${line}`).join('\n')}`,
        {
          hint: `it goes on running; berth describe tells more, ${logFile} has its log, berth down${where} ends it`,
        },
      );
    }
    output.line(`Everything is ready. berth status${where} tells the addresses, berth down${where} ends it.`);
  } finally {
    session.close();
  }
}

/**
 * Resolves when the new process says that it is up; throws what it says when it fails, and `late` when it does neither in
 * time. It alone reads the manifests, and so the standard input when they come from there.
 */
function startServer(
  directory: string,
  { readsInput, timeoutMs, late }: { readonly readsInput: boolean; readonly timeoutMs: number; readonly late: string },
): Promise<Announcement> {
  const logFile = dataPaths(directory).detachedOutput;
  const log = openLog(directory, logFile);
  const sizeBefore = fs.fstatSync(log).size;
  const child = spawn(process.execPath, [process.argv[1] ?? '', ...process.argv.slice(2)], {
    detached: true,
    stdio: [readsInput ? 'inherit' : 'ignore', log, log, 'ipc'],
    env: { ...process.env, [MARK]: '1' },
  });
  fs.closeSync(log);
  return new Promise((resolve, reject) => {
    const letGo = (): void => {
      clearTimeout(timer);
      if (child.connected) child.disconnect();
      child.unref();
    };
    const timer = setTimeout(() => {
      letGo();
      reject(new CliError(`the server has not started after ${timeoutMs / 1000} s`, { hint: late }));
    }, timeoutMs);
    child.once('message', (message) => {
      letGo();
      resolve(message as Announcement);
    });
    child.once('error', reject);
    child.once('exit', (code) => {
      letGo();
      const said = fs.readFileSync(logFile).subarray(sizeBefore).toString().trim();
      // The new process has said what is wrong in its own words.
      const [message, ...hint] = said.split('\n').filter((line) => !line.startsWith('{'));
      reject(
        new CliError((message ?? `the server ended with exit code ${code}`).replace(/^berth: /, ''), {
          hint: hint.length > 0 ? hint.join('\n').trim() : `see ${logFile}`,
          exitCode: code || 1,
        }),
      );
    });
  });
}

const LOG_BYTES = 2 ** 20;

function openLog(directory: string, file: string): number {
  try {
    makeDirectory(directory);
    // It goes on from start to start, and a start has little to say.
    const isLong = (fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0) > LOG_BYTES;
    if (isLong) fs.rmSync(file);
    return fs.openSync(file, 'a', 0o600);
  } catch (error) {
    const { message, hint } = dataDirectoryError(directory, error);
    throw new CliError(message, { hint });
  }
}
