import type { KubernetesObject } from '../api/meta.ts';
import { apiVersionOf, type ResourceType } from '../api/resource-type.ts';
import type { StoredList, StoredObject } from '../registry/requests.ts';

/** How the objects of one answer are written. */
export interface Encoder {
  readonly contentType: string;
  object(type: ResourceType, item: StoredObject): Buffer;
  /** The parts of a list, each made when it is about to be written: a large one is never in memory as a whole. */
  list(type: ResourceType, list: StoredList): Iterable<Buffer>;
  /** The object of a bookmark of a watch. */
  bookmark(type: ResourceType, resourceVersion: string, initialEnd: boolean): Buffer;
}

const comma = Buffer.from(',');
const listEnd = Buffer.from(']}');

/** The beginning of a list up to and with the opening bracket of `member`. */
export function listHead(
  kind: string,
  apiVersion: string,
  list: Pick<StoredList, 'resourceVersion' | 'continue' | 'remainingItemCount'>,
  member = 'items',
): Buffer {
  const metadata = {
    resourceVersion: list.resourceVersion,
    ...(list.continue !== undefined && { continue: list.continue }),
    ...(list.remainingItemCount !== undefined && { remainingItemCount: list.remainingItemCount }),
  };
  const head = JSON.stringify({ kind, apiVersion, metadata });
  return Buffer.from(`${head.slice(0, -1)},"${member}":[`);
}

export function* joinList<T>(
  head: Buffer,
  items: readonly T[],
  encode: (item: T) => Buffer,
): Generator<Buffer, void, undefined> {
  yield head;
  for (const [index, item] of items.entries()) {
    if (index > 0) yield comma;
    yield encode(item);
  }
  yield listEnd;
}

/** The metadata of a bookmark: the version reached and, at the end of the initial events, what says so. */
export function bookmarkMetadata(resourceVersion: string, initialEnd: boolean): object {
  return {
    resourceVersion,
    creationTimestamp: null,
    ...(initialEnd && { annotations: { 'k8s.io/initial-events-end': 'true' } }),
  };
}

/** Objects as they are stored: their bytes are passed on, not written again. */
export const plainEncoder: Encoder = {
  contentType: 'application/json',
  object: (_type, item) => item.json(),
  list: (type, list) =>
    joinList(listHead(type.listKind ?? `${type.kind}List`, apiVersionOf(type), list), list.items, (item) =>
      item.json(),
    ),
  bookmark: (type, resourceVersion, initialEnd) =>
    Buffer.from(
      JSON.stringify({
        kind: type.kind,
        apiVersion: apiVersionOf(type),
        metadata: bookmarkMetadata(resourceVersion, initialEnd),
      }),
    ),
};

/** The metadata of an object, as `PartialObjectMetadata`. */
export function partialMetadata(object: KubernetesObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: object.metadata };
}

/** Metadata only: for clients that follow many kinds and look at none of them closely. */
export const metadataEncoder: Encoder = {
  contentType: 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
  object: (_type, item) => Buffer.from(JSON.stringify(partialMetadata(item.object))),
  list: (_type, list) =>
    joinList(listHead('PartialObjectMetadataList', 'meta.k8s.io/v1', list), list.items, (item) =>
      Buffer.from(JSON.stringify(partialMetadata(item.object))),
    ),
  bookmark: (_type, resourceVersion, initialEnd) =>
    Buffer.from(
      JSON.stringify({
        kind: 'PartialObjectMetadata',
        apiVersion: 'meta.k8s.io/v1',
        metadata: bookmarkMetadata(resourceVersion, initialEnd),
      }),
    ),
};
