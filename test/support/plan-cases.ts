import { expect, test } from 'vitest';

import { plan } from '../../src/controllers/statefulset/plan.ts';
import { inWords, type SceneOptions, scene } from './set-scene.ts';

/** One decision of the plan: what is there, what is asked for, what is done, and what is waited for. */
export interface Case {
  /** Begins with the id of the rule. */
  readonly rule: string;
  /** See {@link scene}. */
  readonly pods: string;
  readonly options?: SceneOptions;
  /** See {@link inWords}. */
  readonly does: readonly string[];
  /** `reason pod`, or absent when nothing is waited for. */
  readonly waits?: string;
}

/** A test of one case. */
export function check({ rule, pods, options, does, waits }: Case): void {
  test(rule, () => {
    const decided = plan(scene(pods, options));
    expect(decided.actions.map(inWords)).toEqual(does);
    const waiting = decided.waiting && `${decided.waiting.reason} ${decided.waiting.pod}`;
    expect(waiting).toBe(waits);
  });
}
