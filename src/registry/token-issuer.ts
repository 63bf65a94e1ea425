/** An object of the API, this one and no later one of its name. */
export interface BoundObject {
  readonly name: string;
  readonly uid: string;
}

/** What a token vouches for. Times are in seconds since the epoch. */
export interface TokenClaims {
  readonly namespace: string;
  readonly serviceAccount: BoundObject;
  /** The token is good as long as this is there. */
  readonly pod?: BoundObject;
  readonly secret?: BoundObject;
  /** Where the pod is; or, without a pod, what the token is bound to. */
  readonly node?: { readonly name: string; readonly uid?: string };
  readonly audiences: readonly string[];
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly id: string;
}

/** Makes tokens that the API server recognises. */
export interface TokenIssuer {
  /** Whom tokens are for when nobody else is named. */
  readonly audience: string;
  issue(claims: TokenClaims): string;
}
