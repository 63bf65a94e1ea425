import type { UserInfo } from '../../registry/requests.ts';

/** What somebody wants to do, as rules speak of it. */
export type Attributes =
  | {
      readonly verb: string;
      readonly group: string;
      readonly version: string;
      /** The plural. */
      readonly resource: string;
      readonly subresource?: string;
      readonly namespace?: string;
      readonly name?: string;
    }
  | { readonly verb: string; readonly path: string };

/** Whether a user may do something; a text says why not. */
export type Authorizer = (user: UserInfo, attributes: Attributes) => Promise<true | string>;
