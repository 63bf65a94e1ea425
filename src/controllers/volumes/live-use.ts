import { Pods } from '../../api/kinds.ts';
import { claimNamesOf, holdsClaims } from '../../api/pod-claims.ts';
import type { Client } from '../../client/client.ts';

/**
 * Which claims the pods of the API itself use. Questions asked while an answer is on its way share the next one, so
 * that a thousand claims that end together cost few lists.
 */
export class LiveUse {
  readonly #client: Client;
  readonly #underWay = new Map<
    string,
    { readonly current: Promise<ReadonlySet<string>>; next?: Promise<ReadonlySet<string>> }
  >();

  constructor(client: Client) {
    this.#client = client;
  }

  /** Whether a pod holds the claim. */
  async isUsed(namespace: string, claim: string): Promise<boolean> {
    return (await this.#used(namespace)).has(claim);
  }

  #used(namespace: string): Promise<ReadonlySet<string>> {
    const underWay = this.#underWay.get(namespace);
    if (underWay === undefined) {
      const current = this.#list(namespace).finally(() => this.#underWay.delete(namespace));
      this.#underWay.set(namespace, { current });
      return current;
    }
    // The list under way may have been made before the claim began to end.
    underWay.next ??= underWay.current.then(
      () => this.#used(namespace),
      () => this.#used(namespace),
    );
    return underWay.next;
  }

  async #list(namespace: string): Promise<ReadonlySet<string>> {
    const { items } = await this.#client.list(Pods, { namespace });
    return new Set(items.filter(holdsClaims).flatMap(claimNamesOf));
  }
}
