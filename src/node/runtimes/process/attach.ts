import fs from 'node:fs';
import net from 'node:net';

import type { ExecSession } from '../../../client/pod-streams.ts';
import { logStream } from './log-stream.ts';
import type { RunFiles } from './pod-files.ts';

/**
 * What a container says from now on, and its input if it has one. `exited` resolves with its exit code. Both outputs of
 * a program go to its log, so what it says comes as one.
 */
export function attachTo(
  files: RunFiles,
  options: { readonly stdin: boolean; readonly exited: Promise<number>; resize(columns: number, rows: number): void },
): ExecSession {
  const ended = options.exited.then(() => {});
  const stdout = logStream(
    { log: files.log, index: files.logIndex, ended },
    { follow: true, timestamps: false, tailLines: 0 },
  );
  const stdin = options.stdin && fs.existsSync(files.stdin) ? openInput(files.stdin) : undefined;
  const closed = new Promise<void>((resolve) => stdout.once('close', resolve));
  return {
    ...(stdin === undefined ? {} : { stdin }),
    stdout,
    resize: options.resize,
    exited: Promise.race([closed, new Promise((resolve) => stdout.once('end', resolve))]).then(() => options.exited),
    kill() {
      stdin?.destroy();
      stdout.destroy();
    },
  };
}

function openInput(fifo: string): net.Socket {
  const fd = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  const socket = new net.Socket({ fd, readable: false, writable: true });
  socket.on('error', () => {}); // the program has ended
  return socket;
}
