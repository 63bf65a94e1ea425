import { apiError } from '../api/errors.ts';
import type { UserInfo } from '../registry/requests.ts';
import { authenticated, type TokenReader } from './authentication/authenticator.ts';
import type { Access } from './authorization/access.ts';
import type { Attributes } from './authorization/authorizer.ts';
import type { VirtualResource } from './discovery.ts';

type Field = Readonly<Record<string, unknown>>;

const review = (group: string, kind: string, namespaced = false): VirtualResource => ({
  group,
  version: 'v1',
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  namespaced,
  verbs: ['create'],
});

/** Questions: they are posted, answered, and never stored. */
export const reviewResources: readonly VirtualResource[] = [
  review('authentication.k8s.io', 'SelfSubjectReview'),
  review('authentication.k8s.io', 'TokenReview'),
  review('authorization.k8s.io', 'LocalSubjectAccessReview', true),
  review('authorization.k8s.io', 'SelfSubjectAccessReview'),
  review('authorization.k8s.io', 'SelfSubjectRulesReview'),
  review('authorization.k8s.io', 'SubjectAccessReview'),
];

export interface ReviewsOptions {
  readonly access: Access;
  readonly tokenReaders: readonly TokenReader[];
}

/** Answers the questions of {@link reviewResources}. */
export class Reviews {
  readonly #options: ReviewsOptions;

  constructor(options: ReviewsOptions) {
    this.#options = options;
  }

  /** The question that a path names. */
  find(group: string, version: string, plural: string): VirtualResource | undefined {
    return reviewResources.find((each) => each.plural === plural && each.group === group && each.version === version);
  }

  /** `namespace` is the one of the URL. Throws `BadRequest` for a question that makes no sense. */
  async answer(
    resource: VirtualResource,
    namespace: string | undefined,
    body: object,
    user: UserInfo,
  ): Promise<object> {
    const spec = member(body, 'spec');
    const answered = (status: object): object => ({
      kind: resource.kind,
      apiVersion: `${resource.group}/${resource.version}`,
      metadata: { creationTimestamp: null },
      ...(Object.keys(spec).length > 0 && { spec }),
      status,
    });
    switch (resource.kind) {
      case 'SelfSubjectReview':
        return answered({ userInfo: userInfo(user) });
      case 'TokenReview':
        return answered(await this.#tokenStatus(spec));
      case 'SelfSubjectAccessReview':
        return answered(await this.#accessStatus(user, spec));
      case 'SelfSubjectRulesReview':
        return answered(await this.#rulesStatus(user, text(spec, 'namespace')));
      default:
        return answered(await this.#accessStatus(subjectOf(spec), spec, namespace));
    }
  }

  async #tokenStatus(spec: Field): Promise<object> {
    const token = text(spec, 'token');
    const asked = Array.isArray(spec.audiences) ? spec.audiences.map(String) : [];
    for (const read of this.#options.tokenReaders) {
      const found = await read(token, asked.length > 0 ? asked : undefined);
      if (found === undefined) continue;
      const { user, audiences } = found;
      return { authenticated: true, user: userInfo(authenticated(user)), audiences };
    }
    return { authenticated: false, error: 'invalid bearer token' };
  }

  async #accessStatus(user: UserInfo, spec: Field, within?: string): Promise<object> {
    const attributes = attributesOf(spec);
    if (within !== undefined && (!('resource' in attributes) || attributes.namespace !== within)) {
      throw apiError('BadRequest', `spec.resourceAttributes.namespace must match namespace: ${within}`);
    }
    const allowed = await this.#options.access.authorize(user, attributes);
    return allowed === true ? { allowed: true } : { allowed: false, ...(allowed !== '' && { reason: allowed }) };
  }

  async #rulesStatus(user: UserInfo, namespace: string): Promise<object> {
    const granted = await this.#options.access.granted(user, namespace);
    const rules = granted.flatMap((each) => each.rules);
    return {
      resourceRules: rules
        .filter((rule) => (rule.resources ?? []).length > 0)
        .map(({ verbs, apiGroups, resources, resourceNames }) => ({ verbs, apiGroups, resources, resourceNames })),
      nonResourceRules: rules
        .filter((rule) => (rule.nonResourceURLs ?? []).length > 0)
        .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs })),
      incomplete: false,
    };
  }
}

function userInfo(user: UserInfo): object {
  const { name, uid, groups, extra } = user;
  return { username: name, ...(uid !== undefined && { uid }), groups, ...(extra && { extra }) };
}

function subjectOf(spec: Field): UserInfo {
  const name = text(spec, 'user');
  const groups = Array.isArray(spec.groups) ? spec.groups.map(String) : [];
  if (name === '' && groups.length === 0)
    throw apiError('BadRequest', 'at least one of spec.user or spec.groups must be specified');
  return { name, groups };
}

function attributesOf(spec: Field): Attributes {
  const resource = member(spec, 'resourceAttributes');
  const path = member(spec, 'nonResourceAttributes');
  if ('resourceAttributes' in spec === 'nonResourceAttributes' in spec) {
    throw apiError('BadRequest', 'exactly one of nonResourceAttributes or resourceAttributes must be specified');
  }
  if ('nonResourceAttributes' in spec) return { verb: text(path, 'verb'), path: text(path, 'path') };
  const optional = (name: string): Field => (text(resource, name) === '' ? {} : { [name]: text(resource, name) });
  return {
    verb: text(resource, 'verb'),
    group: text(resource, 'group'),
    version: text(resource, 'version'),
    resource: text(resource, 'resource'),
    ...optional('subresource'),
    ...optional('namespace'),
    ...optional('name'),
    ...fieldSelectorOf(member(resource, 'fieldSelector')),
  };
}

/** A selector as text, or as what is required one by one. */
function fieldSelectorOf(selector: Field): { readonly fieldSelector?: string } {
  const raw = text(selector, 'rawSelector');
  if (raw !== '') return { fieldSelector: raw };
  const requirements = Array.isArray(selector.requirements) ? selector.requirements : [];
  const equal = requirements
    .filter((one): one is object => typeof one === 'object' && one !== null)
    .map((one): Field => ({ ...one }))
    .filter((one) => one.operator === 'In' && Array.isArray(one.values) && one.values.length === 1)
    .map((one) => `${text(one, 'key')}=${[one.values].flat().join('')}`);
  return equal.length === 0 ? {} : { fieldSelector: equal.join(',') };
}

function member(object: object, name: string): Field {
  const value: unknown = Object.getOwnPropertyDescriptor(object, name)?.value;
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function text(object: Field, name: string): string {
  const value = object[name];
  return typeof value === 'string' ? value : '';
}
