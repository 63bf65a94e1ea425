import type {
  ControllerRevision,
  OwnerReference,
  PersistentVolumeClaim,
  Pod,
  PodTemplateSpec,
} from '../../api/generated/types.ts';
import type { New } from '../../api/meta.ts';

/** Why a pod is deleted. */
export type DeleteReason =
  /** O5: its ordinal is out of range. */
  | 'scale-down'
  /** U1: it is of an outdated revision and its turn has come. */
  | 'update'
  /** U7: it is of an outdated revision and has never been Ready. */
  | 'never-ready'
  /** O2: it has failed or succeeded. */
  | 'finished';

/** One thing to do. Every action names the very object it is about, as it was observed. */
export type Action =
  /** A1 */
  | { readonly type: 'adoptPod'; readonly pod: Pod }
  | { readonly type: 'releasePod'; readonly pod: Pod }
  | { readonly type: 'adoptRevision'; readonly revision: ControllerRevision }
  /** R1 */
  | { readonly type: 'createRevision'; readonly revision: New<ControllerRevision> & { readonly revision: number } }
  /** R1: an old revision is the newest again. */
  | { readonly type: 'renumberRevision'; readonly revision: ControllerRevision; readonly number: number }
  /** C1: first the claims that are missing, then the pod. */
  | {
      readonly type: 'createPod';
      readonly ordinal: number;
      readonly revision: string;
      readonly template: PodTemplateSpec;
      readonly claims: readonly New<PersistentVolumeClaim>[];
    }
  /** O8 */
  | {
      readonly type: 'createClaims';
      readonly ordinal: number;
      readonly claims: readonly New<PersistentVolumeClaim>[];
    }
  /** I5 */
  | { readonly type: 'restoreIdentity'; readonly ordinal: number; readonly pod: Pod }
  /** C3 */
  | {
      readonly type: 'setClaimOwners';
      readonly ordinal: number;
      readonly claim: PersistentVolumeClaim;
      readonly owners: readonly OwnerReference[];
    }
  | { readonly type: 'deletePod'; readonly ordinal: number; readonly pod: Pod; readonly reason: DeleteReason }
  /** R3 */
  | { readonly type: 'deleteRevision'; readonly revision: ControllerRevision };

/**
 * The order of the phases of a pass. All actions of a phase are done before the next begins, and a phase that fails is
 * the last one: a pod is never made without its revision, a condemned pod never deleted before its claims know whose
 * they are, and no revision forgotten while the status may still name it.
 */
export const PHASES = ['adopt', 'revise', 'create', 'claim', 'delete', 'forget'] as const;

export type Phase = (typeof PHASES)[number];

export function phaseOf(action: Action): Phase {
  switch (action.type) {
    case 'adoptPod':
    case 'releasePod':
    case 'adoptRevision':
      return 'adopt';
    case 'createRevision':
    case 'renumberRevision':
      return 'revise';
    case 'createPod':
    case 'createClaims':
    case 'restoreIdentity':
      return 'create';
    case 'setClaimOwners':
      return 'claim';
    case 'deletePod':
      return 'delete';
    case 'deleteRevision':
      return 'forget';
  }
}
