import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Readable } from 'node:stream';

import { apiError } from '../../src/api/errors.ts';
import type { ExecSession, PodStreams } from '../../src/client/pod-streams.ts';

/** Streams of pods that are nothing but processes of this machine: what a test of the wire needs of a node. */
export function processStreams(
  log = 'one\ntwo\nthree\n',
): PodStreams & { readonly sizes: (readonly [number, number])[] } {
  const sizes: (readonly [number, number])[] = [];
  const run = (command: readonly string[], tty: boolean): ExecSession => {
    const [program = 'true', ...args] = command;
    const child = spawn(program, args, { stdio: 'pipe' });
    child.stdin.on('error', () => {});
    const exited = new Promise<number>((resolve, reject) => {
      child.once('error', () => reject(apiError('InternalError', `cannot run ${program}`)));
      child.once('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 143)));
    });
    return {
      stdin: child.stdin,
      stdout: child.stdout,
      ...(!tty && { stderr: child.stderr }),
      resize: (columns, rows) => sizes.push([columns, rows]),
      exited,
      kill: () => child.kill('SIGKILL'),
    };
  };
  return {
    sizes,
    async logs(_pod, { tailLines, follow, container, previous }) {
      if (previous) throw apiError('BadRequest', `previous terminated container "${container}" not found`);
      const lines = log.split('\n').slice(0, -1);
      const wanted = tailLines === undefined ? lines : lines.slice(Math.max(0, lines.length - tailLines));
      const text = wanted.map((line) => `${line}\n`).join('');
      if (!follow) return Readable.from([text], { objectMode: false });
      const child = spawn('sh', ['-c', `printf '%s' "$0"; sleep 0.2; echo later`, text], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      child.stdout.once('close', () => child.kill());
      return child.stdout;
    },
    exec: async (_pod, { command, tty }) => run(command, tty),
    attach: async (_pod, { tty }) => run(['cat'], tty),
    async portForward(_pod, port) {
      const socket = connect(port, '127.0.0.1');
      await once(socket, 'connect');
      return socket;
    },
  };
}

/** A server that says what it was told, on a free port. */
export async function echoServer(): Promise<{ readonly port: number; close(): void }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  return { port: typeof address === 'object' && address ? address.port : 0, close: () => server.close() };
}
