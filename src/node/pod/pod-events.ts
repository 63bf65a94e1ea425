import type { Pod } from '../../api/generated/types.ts';
import type { EventRecorder } from '../../client/event-recorder.ts';

/** Tells users what happens to their pods. */
export class PodEvents {
  readonly #recorder: EventRecorder;

  constructor(recorder: EventRecorder) {
    this.#recorder = recorder;
  }

  normal(pod: Pod, reason: string, message: string, container?: string): void {
    this.#record('Normal', pod, reason, message, container);
  }

  warning(pod: Pod, reason: string, message: string, container?: string): void {
    this.#record('Warning', pod, reason, message, container);
  }

  #record(type: 'Normal' | 'Warning', pod: Pod, reason: string, message: string, container?: string): void {
    const fieldPath = container === undefined ? undefined : fieldPathOf(pod, container);
    this.#recorder.record({ about: pod, type, reason, message, ...(fieldPath !== undefined && { fieldPath }) });
  }
}

function fieldPathOf({ spec }: Pod, container: string): string | undefined {
  for (const field of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    if (spec[field]?.some(({ name }) => name === container)) return `spec.${field}{${container}}`;
  }
  return undefined;
}
