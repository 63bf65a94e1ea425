import type { UserInfo } from '../../registry/requests.ts';

/** What somebody wants to do with a resource, as rules speak of it. */
export interface ResourceAttributes {
  readonly verb: string;
  readonly group: string;
  readonly version: string;
  /** The plural. */
  readonly resource: string;
  readonly subresource?: string | undefined;
  readonly namespace?: string | undefined;
  /** Of the one object that is meant, also where a list or a watch selects it by its name. */
  readonly name?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

/** What somebody wants to do. */
export type Attributes = ResourceAttributes | { readonly verb: string; readonly path: string };

/** Whether a user may do something; a text says why not, and is empty when there is nothing to say. */
export type Authorizer = (user: UserInfo, attributes: Attributes) => Promise<true | string>;
