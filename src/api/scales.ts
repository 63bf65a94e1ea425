import type { Scale } from './generated/types.ts';
import type { ResourceType } from './resource-type.ts';

/** How the part of an object that autoscalers and `kubectl scale` work on is called on the wire. It is never stored. */
export const Scales: ResourceType<Scale> = {
  group: 'autoscaling',
  version: 'v1',
  kind: 'Scale',
  plural: 'scales',
  singular: 'scale',
  shortNames: [],
  categories: [],
  namespaced: true,
  schema: 'Scale',
};
