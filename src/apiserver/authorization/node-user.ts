import type { UserInfo } from '../../registry/requests.ts';

const PREFIX = 'system:node:';
const GROUP = 'system:nodes';

/** As whom the agent of a node acts. */
export function nodeUser(node: string): UserInfo {
  return { name: `${PREFIX}${node}`, groups: [GROUP, 'system:authenticated'] };
}

/** The node that a user is the agent of; undefined for anybody else. */
export function nodeOf({ name, groups }: UserInfo): string | undefined {
  return name.startsWith(PREFIX) && name.length > PREFIX.length && groups.includes(GROUP)
    ? name.slice(PREFIX.length)
    : undefined;
}
