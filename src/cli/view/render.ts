import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { detailOf, type Member, type MemberState, membersOf, stateOf } from './members.ts';
import { waitingMessage } from './readiness.ts';

/** What the live view shows: everything of the cluster that belongs to its sets. */
export interface ViewModel {
  readonly sets: readonly StatefulSet[];
  readonly pods: readonly Pod[];
  readonly claims: readonly PersistentVolumeClaim[];
}

export interface Screen {
  readonly columns: number;
  readonly rows: number;
  /** Whether colours may be used (`NO_COLOR` is unset and it is a terminal). */
  readonly colour: boolean;
}

const GLYPH: Record<MemberState, string> = {
  absent: '·',
  pending: '○',
  starting: '◐',
  ready: '●',
  unready: '◍',
  ending: '◌',
  failed: '✗',
};
const WORD: Record<MemberState, string> = {
  absent: 'not there',
  pending: 'pending',
  starting: 'starting',
  ready: 'ready',
  unready: 'not ready',
  ending: 'ending',
  failed: 'failed',
};
const COLOUR: Record<MemberState, number> = {
  absent: 90,
  pending: 33,
  starting: 33,
  ready: 32,
  unready: 31,
  ending: 35,
  failed: 31,
};

/**
 * The lines of the live view: for each set a row of its ordinals, a line for each member, and why the controller
 * waits. When there are more members than rows, those that are ready are left out first.
 */
export function render({ sets, pods, claims }: ViewModel, screen: Screen): readonly string[] {
  const others = otherPods(pods, screen);
  if (sets.length === 0)
    return others.length > 0 ? others : ['no StatefulSets yet: berth apply -f FILE, or kubectl apply -f FILE'];
  const perSet = Math.max(4, Math.floor(screen.rows / sets.length) - 3);
  const lines = sets.flatMap((set, index) => {
    const { namespace } = set.metadata;
    const inNamespace = <T extends { readonly metadata: { readonly namespace?: string } }>(object: T): boolean =>
      object.metadata.namespace === namespace;
    const members = membersOf(set, pods.filter(inNamespace), claims.filter(inNamespace));
    const block = renderSet(set, members, perSet, screen);
    return index === 0 ? block : ['', ...block];
  });
  return others.length > 0 ? [...lines, '', ...others] : lines;
}

/** Pods of no set, as far as something is the matter with them. */
function otherPods(pods: readonly Pod[], screen: Screen): readonly string[] {
  return pods
    .filter((pod) => controllerOf(pod)?.kind !== 'StatefulSet' && stateOf(pod) !== 'ready')
    .slice(0, MOST_OTHERS)
    .map((pod) => {
      const state = stateOf(pod);
      const text = `pod ${pod.metadata.name}  ${GLYPH[state]} ${WORD[state]}  ${detailOf(pod) ?? ''}`.trimEnd();
      return text.length > screen.columns ? `${text.slice(0, Math.max(0, screen.columns - 1))}…` : text;
    });
}

const MOST_OTHERS = 8;

function renderSet(set: StatefulSet, members: readonly Member[], room: number, screen: Screen): readonly string[] {
  const paint = (code: number, text: string): string => (screen.colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clip = (text: string): string =>
    text.length > screen.columns ? `${text.slice(0, Math.max(0, screen.columns - 1))}…` : text;
  const ready = members.filter(({ state }) => state === 'ready').length;
  const wanted = set.spec.replicas ?? 1;
  const head = `statefulset ${set.metadata.namespace === 'default' ? '' : `${set.metadata.namespace}/`}${set.metadata.name}`;
  const row = members
    .slice(0, Math.max(8, screen.columns - head.length - 24))
    .map(({ state }) => paint(COLOUR[state], GLYPH[state]))
    .join(' ');
  const shown = members.length <= room ? members : mostTelling(members, room);
  const nameWidth = Math.max(0, ...shown.map(({ name }) => name.length));
  const nodeWidth = Math.max(0, ...shown.map(({ node }) => (node ?? '').length));
  const placeWidth = Math.max(0, ...shown.map(({ place }) => (place ?? '').length));
  const lines = shown.map((member) => {
    const volumes = member.volumes
      .map(({ claim, volume }) => (volume === undefined ? `${claim} (not bound)` : claim))
      .join(', ');
    const rest = [
      (member.node ?? '').padEnd(nodeWidth),
      (member.place ?? '').padEnd(placeWidth),
      volumes,
      member.restarts > 0 ? `${member.restarts} ${member.restarts === 1 ? 'restart' : 'restarts'}` : '',
      member.state === 'ready' ? '' : (member.detail ?? ''),
    ]
      .filter((text, position) => position < 2 || text !== '')
      .join('  ');
    const plain = clip(
      `  ${member.name.padEnd(nameWidth)}  ${GLYPH[member.state]} ${WORD[member.state].padEnd(9)}  ${rest}`.trimEnd(),
    );
    const state = `${GLYPH[member.state]} ${WORD[member.state]}`;
    return plain.replace(state, paint(COLOUR[member.state], state));
  });
  const hidden = members.length - shown.length;
  const waiting = waitingMessage(set);
  return [
    `${paint(1, head)}  ${ready} of ${wanted} ready  ${row}`,
    ...lines,
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...(waiting === undefined ? [] : [clip(paint(33, `  waiting: ${waiting}`))]),
  ];
}

/** What is not ready comes first; the order of the ordinals stays. */
function mostTelling(members: readonly Member[], room: number): readonly Member[] {
  const unready = members.filter(({ state }) => state !== 'ready').slice(0, room);
  const chosen = new Set([
    ...unready,
    ...members.filter(({ state }) => state === 'ready').slice(0, room - unready.length),
  ]);
  return members.filter((member) => chosen.has(member));
}
