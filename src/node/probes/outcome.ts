/** What one probe found. */
export interface ProbeOutcome {
  readonly success: boolean;
  /** What it saw, at most {@link MAX_OUTPUT_BYTES} of it: for events and messages. */
  readonly output: string;
}

/** As much of a probe's or a hook's output as is kept. */
export const MAX_OUTPUT_BYTES = 10 * 1024;

export function success(output = ''): ProbeOutcome {
  return { success: true, output };
}

export function failure(output: string): ProbeOutcome {
  return { success: false, output };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What goes wrong before there is an answer, as with a header that cannot be sent, is what was found. */
export async function outcomeOf(find: () => Promise<ProbeOutcome>): Promise<ProbeOutcome> {
  try {
    return await find();
  } catch (error) {
    return failure(messageOf(error));
  }
}
