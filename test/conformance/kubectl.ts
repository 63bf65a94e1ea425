import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One `kubectl` of this machine. */
export interface KubectlProgram {
  readonly path: string;
  /** `1.32.4` */
  readonly version: string;
  readonly minor: number;
}

/** Where `.ci/run` puts the `kubectl` of another version than the machine's own. */
const OTHERS = new URL('../../node_modules/.cache/kubectl/', import.meta.url);

/** The machine's `kubectl` (`$KUBECTL`, else the one in the path) and others beside it, each version once. */
export const kubectls: readonly KubectlProgram[] = (() => {
  const others = existsSync(OTHERS) ? readdirSync(OTHERS).map((name) => fileURLToPath(new URL(name, OTHERS))) : [];
  const found = new Map<string, KubectlProgram>();
  for (const path of [process.env.KUBECTL ?? 'kubectl', ...others]) {
    const program = programAt(path);
    if (program !== undefined && !found.has(program.version)) found.set(program.version, program);
  }
  return [...found.values()];
})();

function programAt(path: string): KubectlProgram | undefined {
  try {
    const text = execFileSync(path, ['version', '--client', '-o', 'json'], { encoding: 'utf8', stdio: 'pipe' });
    const version = /^v(\d+\.(\d+)\.\d+)/.exec(JSON.parse(text).clientVersion.gitVersion);
    return version?.[1] === undefined ? undefined : { path, version: version[1], minor: Number(version[2]) };
  } catch {
    return undefined;
  }
}

/** One that has the commands and flags of today, for tests of the server's newer sides. */
export const recentKubectl: string | undefined = kubectls.find(({ minor }) => minor >= 28)?.path;

/** The real `kubectl` on one server, with a home of its own so that it remembers nothing of other servers. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #home: string;
  readonly #path: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(
    kubeconfig: string,
    home: string,
    path = recentKubectl ?? 'kubectl',
    environment: Readonly<Record<string, string>> = {},
  ) {
    this.#kubeconfig = kubeconfig;
    this.#home = home;
    this.#path = path;
    this.#environment = environment;
  }

  with(environment: Readonly<Record<string, string>>): Kubectl {
    return new Kubectl(this.#kubeconfig, this.#home, this.#path, environment);
  }

  /** Runs one command to its end; `input` is what it reads. */
  run(args: readonly string[], input = ''): Promise<Ran> {
    return new Promise((resolve) => {
      const child = execFile(
        this.#path,
        [...args],
        { env: this.#env(), timeout: 30_000, maxBuffer: 64 * 1024 * 1024 },
        (error, stdout, stderr) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
          resolve({ code, stdout, stderr });
        },
      );
      child.stdin?.on('error', () => {});
      child.stdin?.end(input);
    });
  }

  /** The same for a command that must succeed; gives what it printed. */
  async ok(args: string, input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args.split(' '), input);
    if (code !== 0) throw new Error(`kubectl ${args} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** The same for a command that must fail; gives what it complained. */
  async fails(args: string, input?: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(args.split(' '), input);
    if (code === 0) throw new Error(`kubectl ${args} succeeded: ${stdout}`);
    return stderr.trim();
  }

  /** A command that goes on until it is ended. */
  start(args: string): { lines(): string[]; until(text: string): Promise<void>; end(): Promise<void> } {
    const child = spawn(this.#path, args.split(' '), {
      env: this.#env(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const listeners = new Set<() => void>();
    const take = (chunk: Buffer): void => {
      output += chunk.toString();
      for (const listener of listeners) listener();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    return {
      lines: () => output.split('\n').filter((line) => line !== ''),
      until: (text) =>
        new Promise((resolve, reject) => {
          const check = (): void => {
            if (!output.includes(text)) return;
            listeners.delete(check);
            resolve();
          };
          listeners.add(check);
          void ended.then(() => reject(new Error(`kubectl ${args} ended without "${text}": ${output}`)));
          check();
        }),
      async end() {
        child.kill('SIGINT');
        await ended;
      },
    };
  }

  #env(): NodeJS.ProcessEnv {
    return { PATH: process.env.PATH, HOME: this.#home, KUBECONFIG: this.#kubeconfig, ...this.#environment };
  }
}
