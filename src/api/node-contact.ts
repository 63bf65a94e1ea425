import type { Node } from './generated/types.ts';

/**
 * On a Node: `berth` takes its agent away for as long as the annotation is there, as if the machine had lost contact.
 * Its pods run on. The value is the time since when.
 */
export const STOPPED_ANNOTATION = 'berth.dev/stopped';

/** Whether somebody took the node away on purpose (`berth node stop`). */
export function isStopped(node: Node): boolean {
  return node.metadata.annotations?.[STOPPED_ANNOTATION] !== undefined;
}
