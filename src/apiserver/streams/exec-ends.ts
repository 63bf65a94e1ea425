import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { WebSocket } from 'ws';

import type { Status } from '../../api/generated/types.ts';
import type { Clock } from '../../platform/clock.ts';
import type { RemoteEnd } from './remote-end.ts';
import type { SpdySession, SpdyStream } from './spdy/spdy-session.ts';
import { WebSocketChannels } from './websocket-channels.ts';

/** Which streams the client asks for. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;

/** The client's end over a WebSocket. */
export function webSocketEnd(socket: WebSocket, wanted: WantedStreams): RemoteEnd {
  const channels = new WebSocketChannels(socket);
  const error = channels.output(CHANNEL.error);
  const stdout = wanted.stdout ? channels.output(CHANNEL.stdout) : undefined;
  const stderr = wanted.stderr ? channels.output(CHANNEL.stderr) : undefined;
  // Some clients take the first message, whatever is in it, for the sign that they are connected.
  (stdout ?? stderr ?? error).write(Buffer.alloc(0));
  return {
    ...(wanted.stdin && { stdin: channels.input(CHANNEL.stdin) }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    onResize: (listener) => channels.listen(CHANNEL.resize, (data) => readSize(data.toString('utf8'), listener)),
    onClosed: (listener) => socket.once('close', listener),
    finish(status: Status) {
      const farewell = /^v[45]\./.test(socket.protocol) ? JSON.stringify(status) : sentenceOf(status);
      if (farewell !== '') error.write(farewell);
      error.end(() => socket.close(1000));
    },
  };
}

/** How it ended, in the protocols before the fourth: nothing if well. */
function sentenceOf({ status, message }: Status): string {
  return status === 'Success' ? '' : (message ?? 'unknown error');
}

/** How long a client may take to open the streams that it has announced. */
const OPENING_MS = 30_000;

/**
 * The client's end over SPDY: it opens one stream for each of what it wants. Hand every stream to `take`; `end` resolves
 * when all are there.
 */
export function spdyEnd(
  session: () => SpdySession,
  wanted: WantedStreams,
  clock: Clock,
): { take(stream: SpdyStream): void; readonly end: Promise<RemoteEnd> } {
  const streams = new Map<string, SpdyStream>();
  const awaited = ['error', ...(['stdin', 'stdout', 'stderr'] as const).filter((name) => wanted[name])];
  if (wanted.tty) awaited.push('resize');
  let complete: (end: RemoteEnd) => void = () => {};
  const end = new Promise<RemoteEnd>((resolve) => {
    complete = resolve;
  });
  const late = clock.after(OPENING_MS, () => session().close());
  return {
    end,
    take(stream) {
      streams.set(stream.headers.get('streamtype') ?? '', stream);
      if (awaited.some((name) => !streams.has(name))) return;
      late.cancel();
      complete(remoteEndOf(session(), streams));
    },
  };
}

function remoteEndOf(session: SpdySession, streams: ReadonlyMap<string, SpdyStream>): RemoteEnd {
  const output = (name: string): Writable | undefined => streams.get(name);
  const input = (name: string): Readable | undefined => streams.get(name);
  const stdin = input('stdin');
  const stdout = output('stdout');
  const stderr = output('stderr');
  // The client only reads from these; their other direction is let run empty.
  for (const name of ['stdout', 'stderr', 'error']) streams.get(name)?.resume();
  return {
    ...(stdin && { stdin }),
    ...(stdout && { stdout }),
    ...(stderr && { stderr }),
    onResize(listener) {
      let rest = '';
      input('resize')?.on('data', (chunk: Buffer) => {
        // One JSON object after the other, each of them flat.
        rest += chunk.toString('utf8');
        for (let close = rest.indexOf('}'); close >= 0; close = rest.indexOf('}')) {
          readSize(rest.slice(0, close + 1), listener);
          rest = rest.slice(close + 1);
        }
        if (rest.length > 1_000) rest = '';
      });
    },
    onClosed: (listener) => session.onClosed(listener),
    finish(status) {
      const error = output('error') ?? new PassThrough();
      error.end(JSON.stringify(status), () => session.close());
    },
  };
}

function readSize(text: string, listener: (columns: number, rows: number) => void): void {
  try {
    const size: unknown = JSON.parse(text);
    if (typeof size !== 'object' || size === null) return;
    const columns = 'Width' in size ? Number(size.Width) : 0;
    const rows = 'Height' in size ? Number(size.Height) : 0;
    if (columns > 0 && rows > 0 && columns < 65_536 && rows < 65_536) listener(columns, rows);
  } catch {
    // What is not a size changes none.
  }
}
