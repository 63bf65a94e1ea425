import type { UserInfo } from '../../registry/requests.ts';
import { MASTERS_GROUP } from '../authentication/authenticator.ts';

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

/** Administrators may do everything, nobody else anything. */
export const mastersOnly: Authorizer = async (user) =>
  user.groups.includes(MASTERS_GROUP) ? true : 'only administrators are allowed';
