import type { Pod } from '../api/generated/types.ts';
import { Pods, StatefulSets } from '../api/kinds.ts';
import type { KubernetesObject } from '../api/meta.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { Client, Watch, WatchEvent, WatchOptions } from '../client/client.ts';
import { CliError } from './errors.ts';
import { readinessOf } from './view/readiness.ts';

/** However late it is: long enough to see how things are. */
const FIRST_LOOK_MS = 500;

/**
 * What is missing of an object at `deadline` (milliseconds since the epoch); undefined when it became ready before.
 * `progress` is told whenever something else is missing.
 */
export async function untilReady(
  client: Client,
  type: ResourceType,
  key: { readonly namespace?: string; readonly name: string },
  deadline: number,
  progress: (text: string) => void,
): Promise<string | undefined> {
  const scope = {
    fieldSelector: `metadata.name=${key.name}`,
    ...(key.namespace !== undefined && { namespace: key.namespace }),
  };
  return new Promise((resolve, reject) => {
    let why = 'it does not exist';
    const deadlineMs = Math.max(FIRST_LOOK_MS, deadline - Date.now());
    let object: KubernetesObject | undefined;
    const pods = new Map<string, Pod>();
    const watches: Watch[] = [];
    const end = (): void => {
      clearTimeout(timer);
      for (const watch of watches) watch.stop();
    };
    const finish = (result: string | undefined): void => {
      end();
      resolve(result);
    };
    const timer = setTimeout(() => finish(why), deadlineMs);
    const look = (): void => {
      if (object === undefined) return;
      const readiness = readinessOf({ ...object, kind: type.kind }, pods.values());
      if (readiness.ready) {
        finish(undefined);
        return;
      }
      if (readiness.why !== why) progress(readiness.why);
      why = readiness.why;
    };
    const closed = (error?: Error): void => {
      end();
      reject(error ?? new CliError('the server ended while its objects were not ready yet'));
    };
    const follow = <T extends KubernetesObject>(
      followed: ResourceType<T>,
      options: WatchOptions,
      take: (found: T, isGone: boolean) => void,
    ): void => {
      const events = (batch: readonly WatchEvent<T>[]): void => {
        for (const event of batch) if (event.type !== 'BOOKMARK') take(event.object, event.type === 'DELETED');
        look();
      };
      watches.push(client.watch(followed, options, { events, closed }));
    };
    follow<KubernetesObject>(type, scope, (found, isGone) => {
      if (!isGone) object = found;
    });
    if (type.kind === StatefulSets.kind) {
      follow(Pods, { ...(key.namespace !== undefined && { namespace: key.namespace }) }, (pod, isGone) => {
        if (isGone) pods.delete(pod.metadata.uid);
        else pods.set(pod.metadata.uid, pod);
      });
    }
  });
}
