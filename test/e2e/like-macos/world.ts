import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

import type { World } from '../support.ts';

/** A mount namespace that looks like macOS; world.sh tells how, and pretend.mjs what Node.js says there. */
export class LikeMacOS implements World {
  /** For temporary files, with as long a name as it has on a Mac. */
  readonly temporary: string;
  readonly #directory: string;
  readonly #end: () => void;
  readonly #pid: number;

  private constructor(directory: string, temporary: string, pid: number, end: () => void) {
    this.#directory = directory;
    this.temporary = temporary;
    this.#pid = pid;
    this.#end = end;
  }

  static async open(): Promise<LikeMacOS> {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'like-macos-'));
    fs.chmodSync(directory, 0o755);
    const temporary = path.join(directory, 'private/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T');
    fs.mkdirSync(temporary, { recursive: true });
    fs.chmodSync(temporary, 0o1777);
    const here = path.join(directory, 'world');
    const script = path.join(import.meta.dirname, 'world.sh');
    const args = [script, here, path.join(import.meta.dirname, 'bin'), fs.realpathSync(process.execPath)];
    const keeper = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(keeper.stdout)) {
      if (line === 'ready') return new LikeMacOS(directory, temporary, keeper.pid!, () => keeper.stdin.end());
    }
    throw new Error('there is no world that looks like macOS');
  }

  enter(user: number, env: Readonly<Record<string, string>>): readonly [string, ...string[]] {
    const all = {
      TMPDIR: this.temporary,
      PATH: '/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
      LIKE_MACOS: path.join(this.#directory, 'world'),
      NODE_OPTIONS: `--import=${path.join(import.meta.dirname, 'pretend.mjs')}`,
      ...env,
    };
    const assignments = Object.entries(all).map(([name, value]) => `${name}=${value}`);
    return [
      ...(['nsenter', `--mount=/proc/${this.#pid}/ns/mnt`, '--wd=/'] as const),
      ...['--setuid', String(user), '--setgid', String(user), '--', '/usr/bin/env', '-i', ...assignments],
    ];
  }

  /** Runs a command there to its end; its output, and what it complained of. */
  tell(...command: readonly string[]): string {
    const [program, ...args] = this.enter(65_534, {});
    return execFileSync('sh', ['-c', '"$@" 2>&1 || true', 'sh', program, ...args, ...command], { encoding: 'utf8' });
  }

  close(): void {
    this.#end();
    fs.rmSync(this.#directory, { recursive: true, force: true });
  }
}
