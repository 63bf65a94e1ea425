import type { PersistentVolumeClaim, Pod, StatefulSet } from '../../api/generated/types.ts';
import { controllerOf } from '../../api/owner-references.ts';
import { detailOf, type Member, type MemberState, membersOf, stateOf } from './members.ts';
import { waitingMessage } from './readiness.ts';
import { clip, wrap } from './wrap.ts';

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
 * waits. What does not fit into a line goes on in the next. When there is more than fits into the rows, members that are
 * ready are left out first.
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
      return clip(text, screen.columns);
    });
}

const MOST_OTHERS = 8;
/** For one reason; whoever wants all of a longer one asks `berth why`. */
const MOST_LINES = 6;

function renderSet(set: StatefulSet, members: readonly Member[], room: number, screen: Screen): readonly string[] {
  const paint = (code: number, text: string): string => (screen.colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const ready = members.filter(({ state }) => state === 'ready').length;
  const { namespace, name } = set.metadata;
  const title = `statefulset ${namespace === 'default' ? '' : `${namespace}/`}${name}`;
  const counts = `  ${ready} of ${set.spec.replicas ?? 1} ready  `;
  const waiting = waitingMessage(set);
  const reason = waiting === undefined ? [] : wrap(`waiting: ${waiting}`, screen.columns, '  ', MOST_LINES);
  const blocks = memberBlocks(members, waiting ?? '', screen.columns);
  const shown = mostTelling(members, blocks, room - Math.max(0, reason.length - 1));
  const hidden = members.length - shown.length;
  return [
    paint(1, title) + counts + ordinalsInARow(members, screen.columns - title.length - counts.length, paint),
    ...shown.flatMap((member) => {
      const [first = '', ...more] = blocks.get(member) ?? [];
      const state = stateText(member);
      return [first.replace(state, paint(COLOUR[member.state], state)), ...more];
    }),
    ...(hidden > 0 ? [`  and ${hidden} more`] : []),
    ...reason.map((line) => paint(33, line)),
  ];
}

/** A mark for each ordinal, as many as there is room for. */
function ordinalsInARow(
  members: readonly Member[],
  room: number,
  paint: (code: number, text: string) => string,
): string {
  const marks = members.map(({ state }) => paint(COLOUR[state], GLYPH[state]));
  if (marks.length * 2 - 1 <= room) return marks.join(' ');
  return marks.length <= room ? marks.join('') : `${marks.slice(0, Math.max(0, room - 1)).join('')}…`;
}

function stateText({ state }: Member): string {
  return `${GLYPH[state]} ${WORD[state]}`;
}

/**
 * The lines of each member. What is the matter with it has lines of its own where it does not fit beside the rest, unless
 * the reason why the set waits says it too.
 */
function memberBlocks(
  members: readonly Member[],
  waiting: string,
  columns: number,
): ReadonlyMap<Member, readonly string[]> {
  const widest = (of: (member: Member) => string): number => Math.max(0, ...members.map((member) => of(member).length));
  const nameWidth = widest(({ name }) => name);
  const nodeWidth = widest(({ node = '' }) => node);
  const placeWidth = widest(({ place = '' }) => place);
  const lines = (member: Member): readonly string[] => {
    const { name, node = '', place = '', restarts } = member;
    const detail = member.state === 'ready' ? '' : (member.detail ?? '');
    const facts = [
      `  ${name.padEnd(nameWidth)}`,
      stateText(member).padEnd(11),
      node.padEnd(nodeWidth),
      place.padEnd(placeWidth),
      member.volumes.map(({ claim, volume }) => (volume === undefined ? `${claim} (not bound)` : claim)).join(', '),
      restarts > 0 ? `${restarts} ${restarts === 1 ? 'restart' : 'restarts'}` : '',
    ]
      .filter((text, position) => position < 4 || text !== '')
      .join('  ');
    const all = `${facts}  ${detail}`.trimEnd();
    if (all.length <= columns) return [all];
    const fact = clip(facts.trimEnd(), columns);
    return detail === '' || waiting.includes(detail) ? [fact] : [fact, ...wrap(detail, columns, '      ', MOST_LINES)];
  };
  return new Map(members.map((member) => [member, lines(member)]));
}

/** What is not ready comes first, as far as there is room for its lines; the order of the ordinals stays. */
function mostTelling(
  members: readonly Member[],
  blocks: ReadonlyMap<Member, readonly string[]>,
  room: number,
): readonly Member[] {
  const isReady = ({ state }: Member): boolean => state === 'ready';
  const sizeOf = (member: Member): number => blocks.get(member)?.length ?? 0;
  // To say that there is more takes a line, too.
  if (members.reduce((sum, member) => sum + sizeOf(member), 0) <= room + 1) return members;
  const chosen = new Set<Member>();
  let left = room;
  for (const member of [...members.filter((one) => !isReady(one)), ...members.filter(isReady)]) {
    if (sizeOf(member) > left) break;
    left -= sizeOf(member);
    chosen.add(member);
  }
  return members.filter((member) => chosen.has(member));
}
