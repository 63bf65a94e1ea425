import type { Environment } from '@marcbachmann/cel-js';

/** An address of the web as rules take it apart. */
class RuleUrl {
  readonly url: URL;

  constructor(text: string) {
    this.url = new URL(text);
  }
}

/** Addresses of the web: `url(self.endpoint).getScheme() == 'https'`. */
export function withUrls(environment: Environment): Environment {
  return environment
    .registerType('URL', RuleUrl)
    .registerFunction('url(string): URL', (text: string) => new RuleUrl(text))
    .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text))
    .registerOperator('URL == URL', (a: RuleUrl, b: RuleUrl) => a.url.href === b.url.href)
    .registerFunction('URL.getScheme(): string', ({ url }: RuleUrl) => url.protocol.slice(0, -1))
    .registerFunction('URL.getHost(): string', ({ url }: RuleUrl) => url.host)
    .registerFunction('URL.getHostname(): string', ({ url }: RuleUrl) => url.hostname.replace(/^\[|\]$/g, ''))
    .registerFunction('URL.getPort(): string', ({ url }: RuleUrl) => url.port)
    .registerFunction('URL.getEscapedPath(): string', ({ url }: RuleUrl) => url.pathname)
    .registerFunction(
      'URL.getQuery(): map<string, list<string>>',
      ({ url }: RuleUrl) => new Map([...url.searchParams.keys()].map((name) => [name, url.searchParams.getAll(name)])),
    );
}
