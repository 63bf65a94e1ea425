import type { Readable } from 'node:stream';

import type { Runtime } from '../runtimes/runtime.ts';
import { failure, MAX_OUTPUT_BYTES, messageOf, type ProbeOutcome } from './outcome.ts';

/** Runs a command in a container: success is exit code 0. Aborting `signal` kills it and counts as a failure. */
export async function execProbe(
  runtime: Runtime,
  podUid: string,
  container: string,
  command: readonly string[],
  signal: AbortSignal,
): Promise<ProbeOutcome> {
  try {
    const session = await runtime.exec(podUid, container, { command, stdin: false, tty: false });
    const kill = (): void => session.kill();
    if (signal.aborted) kill();
    else signal.addEventListener('abort', kill, { once: true });
    const output = new LimitedText();
    output.take(session.stdout);
    if (session.stderr) output.take(session.stderr);
    const aborted = new Promise<'aborted'>((resolve) => {
      if (signal.aborted) resolve('aborted');
      else signal.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    const exitCode = await Promise.race([session.exited, aborted]);
    signal.removeEventListener('abort', kill);
    if (exitCode === 'aborted') return failure(`command timed out: ${messageOf(signal.reason)}`);
    return { success: exitCode === 0, output: output.text() || (exitCode === 0 ? '' : `exit code ${exitCode}`) };
  } catch (error) {
    return failure(messageOf(error));
  }
}

/** The beginning of what streams bring; the rest is read and dropped, so that nobody blocks on a full pipe. */
class LimitedText {
  readonly #chunks: Buffer[] = [];
  #sizeBytes = 0;

  take(stream: Readable): void {
    stream.on('data', (chunk: Buffer | string) => {
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
      const room = MAX_OUTPUT_BYTES - this.#sizeBytes;
      if (room <= 0) return;
      this.#chunks.push(bytes.subarray(0, room));
      this.#sizeBytes += Math.min(room, bytes.length);
    });
    stream.on('error', () => {});
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8').trim();
  }
}
