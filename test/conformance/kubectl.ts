import { execFile, execFileSync, spawn } from 'node:child_process';

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where `kubectl` is, or undefined on a machine without it. */
export const kubectlPath: string | undefined = (() => {
  const candidate = process.env.KUBECTL ?? 'kubectl';
  try {
    execFileSync(candidate, ['version', '--client'], { stdio: 'ignore' });
    return candidate;
  } catch {
    return undefined;
  }
})();

/** The real `kubectl` on one server, with a home of its own so that it remembers nothing of other servers. */
export class Kubectl {
  readonly #kubeconfig: string;
  readonly #home: string;
  readonly #environment: Readonly<Record<string, string>>;

  constructor(kubeconfig: string, home: string, environment: Readonly<Record<string, string>> = {}) {
    this.#kubeconfig = kubeconfig;
    this.#home = home;
    this.#environment = environment;
  }

  with(environment: Readonly<Record<string, string>>): Kubectl {
    return new Kubectl(this.#kubeconfig, this.#home, environment);
  }

  /** Runs one command to its end; `input` is what it reads. */
  run(args: readonly string[], input = ''): Promise<Ran> {
    return new Promise((resolve) => {
      const child = execFile(
        kubectlPath ?? 'kubectl',
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
    const child = spawn(kubectlPath ?? 'kubectl', args.split(' '), {
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
