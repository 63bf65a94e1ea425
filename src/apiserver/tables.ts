import type { TableLayout } from '../api/columns.ts';
import type { ResourceType } from '../api/resource-type.ts';
import type { StoredObject } from '../registry/requests.ts';
import { bookmarkMetadata, type Encoder, joinList, listHead, partialMetadata } from './representations.ts';

/** What of each object comes along with its row. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

const TABLE = { kind: 'Table', apiVersion: 'meta.k8s.io/v1' } as const;

/** Rows and columns instead of objects. `layoutOf` is asked once for each answer. */
export function tableEncoder(
  layoutOf: (type: ResourceType) => TableLayout,
  include: IncludeObject,
  now: () => number,
): Encoder {
  const row = (layout: TableLayout, item: StoredObject, nowMs: number): Buffer => {
    const cells = JSON.stringify(layout.cells(item.object, nowMs));
    switch (include) {
      case 'None':
        return Buffer.from(`{"cells":${cells},"object":null}`);
      case 'Metadata':
        return Buffer.from(`{"cells":${cells},"object":${JSON.stringify(partialMetadata(item.object))}}`);
      case 'Object':
        return Buffer.concat([Buffer.from(`{"cells":${cells},"object":`), item.json(), Buffer.from('}')]);
    }
  };
  const head = (layout: TableLayout, list: Parameters<typeof listHead>[2]): Buffer => {
    const start = listHead(TABLE.kind, TABLE.apiVersion, list, 'rows').toString();
    const columns = layout.columns.map(({ name, type, format = '', description = '', priority = 0 }) => ({
      name,
      type,
      format,
      description,
      priority,
    }));
    return Buffer.from(start.replace(/"rows":\[$/, `"columnDefinitions":${JSON.stringify(columns)},"rows":[`));
  };
  return {
    contentType: 'application/json;as=Table;g=meta.k8s.io;v=v1',
    object(type, item) {
      const layout = layoutOf(type);
      const { resourceVersion } = item.object.metadata;
      const nowMs = now();
      return Buffer.concat([
        ...joinList(head(layout, { resourceVersion }), [item], (only) => row(layout, only, nowMs)),
      ]);
    },
    list(type, list) {
      const layout = layoutOf(type);
      const nowMs = now();
      return joinList(head(layout, list), list.items, (item) => row(layout, item, nowMs));
    },
    bookmark: (_type, resourceVersion, initialEnd) =>
      Buffer.from(
        JSON.stringify({
          ...TABLE,
          metadata: bookmarkMetadata(resourceVersion, initialEnd),
          columnDefinitions: [],
          rows: [],
        }),
      ),
  };
}
