/** What a token vouches for. Times are in seconds since the epoch. */
export interface TokenClaims {
  readonly namespace: string;
  readonly serviceAccount: { readonly name: string; readonly uid: string };
  /** The token is good as long as this pod is there. */
  readonly pod?: { readonly name: string; readonly uid: string };
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
