import type { Pod } from '../../api/generated/types.ts';
import type { Runtime, PodStatus as RuntimePod } from '../runtimes/runtime.ts';

/** As much of a log as becomes a termination message: what Kubernetes takes. */
const TAIL_LINES = 80;
const LONGEST_MESSAGE_BYTES = 2048;

/**
 * The end of the logs of containers that ended with an error and said nothing, where `terminationMessagePolicy:
 * FallbackToLogsOnError` asks for it. By `container/attempt`, without those `known` already.
 */
export async function exitMessages(
  runtime: Runtime,
  pod: Pod,
  status: RuntimePod,
  known: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const asked = new Set(
    [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
      .filter(({ terminationMessagePolicy }) => terminationMessagePolicy === 'FallbackToLogsOnError')
      .map(({ name }) => name),
  );
  for (const container of status.containers) {
    const { name, attempt } = container;
    const id = `${name}/${attempt}`;
    if (!asked.has(name) || container.state !== 'exited' || container.exitCode === 0) continue;
    if (container.message || known.has(id)) continue;
    found.set(id, await logTail(runtime, status.uid, name));
  }
  return found;
}

async function logTail(runtime: Runtime, podUid: string, container: string): Promise<string> {
  const options = { container, follow: false, previous: false, timestamps: false, tailLines: TAIL_LINES };
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of await runtime.logs(podUid, options)) chunks.push(Buffer.from(chunk));
    const log = Buffer.concat(chunks);
    return log.subarray(Math.max(0, log.length - LONGEST_MESSAGE_BYTES)).toString('utf8');
  } catch {
    // A message is a courtesy; the exit code is known.
    return '';
  }
}
