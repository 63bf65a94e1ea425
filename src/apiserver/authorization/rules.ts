import type { PolicyRule, Subject } from '../../api/generated/types.ts';
import type { UserInfo } from '../../registry/requests.ts';
import type { Attributes } from './authorizer.ts';

const ALL = '*';

/** Whether one rule of a role allows something. */
export function ruleAllows(rule: PolicyRule, attributes: Attributes): boolean {
  if (!rule.verbs.some((verb) => verb === ALL || verb === attributes.verb)) return false;
  return 'path' in attributes ? pathAllowed(rule, attributes.path) : resourceAllowed(rule, attributes);
}

function pathAllowed(rule: PolicyRule, path: string): boolean {
  return (rule.nonResourceURLs ?? []).some((url) => {
    if (url === ALL || url === path) return true;
    return url.endsWith(ALL) && path.startsWith(url.slice(0, -1));
  });
}

function resourceAllowed(rule: PolicyRule, attributes: Exclude<Attributes, { path: string }>): boolean {
  const { group, resource, subresource, name } = attributes;
  if (!(rule.apiGroups ?? []).some((each) => each === ALL || each === group)) return false;
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  const named = (rule.resources ?? []).some((each) => {
    if (each === ALL || each === whole) return true;
    // `*/scale` means the scale of whatever has one.
    return subresource !== undefined && each === `${ALL}/${subresource}`;
  });
  if (!named) return false;
  const names = rule.resourceNames ?? [];
  return names.length === 0 || (name !== undefined && names.includes(name));
}

/** Whether a binding's subject is this user. `bindingNamespace`: of a role binding, for service accounts without one. */
export function subjectIs(subject: Subject, user: UserInfo, bindingNamespace: string | undefined): boolean {
  switch (subject.kind) {
    case 'User':
      return user.name === subject.name;
    case 'Group':
      return user.groups.includes(subject.name);
    case 'ServiceAccount': {
      const namespace = subject.namespace ?? bindingNamespace;
      return namespace !== undefined && user.name === serviceAccountUser(namespace, subject.name);
    }
    default:
      return false;
  }
}

/** As whom a service account is known. */
function serviceAccountUser(namespace: string, name: string): string {
  return `system:serviceaccount:${namespace}:${name}`;
}
