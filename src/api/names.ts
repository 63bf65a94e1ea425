/**
 * What names may look like. Each check returns what is wrong, as Kubernetes words it; nothing when the name is good.
 */
export type NameCheck = (name: string) => readonly string[];

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`;
const LABEL_1035 = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';

const labelPattern = new RegExp(`^${LABEL}$`);
const subdomainPattern = new RegExp(`^${SUBDOMAIN}$`);
const label1035Pattern = new RegExp(`^${LABEL_1035}$`);
const qualifiedPattern = new RegExp(`^${QUALIFIED}$`);

/** The longest DNS label. */
export const LABEL_LENGTH = 63;
/** The longest DNS name, and the longest name of an object. */
const SUBDOMAIN_LENGTH = 253;

const tooLong = (length: number): string => `must be no more than ${length} bytes`;

/** A message about a pattern, with examples, as Kubernetes puts it together. */
function patternMessage(rule: string, pattern: string, ...examples: readonly string[]): string {
  const listed = examples.map((example) => `'${example}', `).join(' or ');
  return `${rule} (e.g. ${listed}regex used for validation is '${pattern}')`;
}

const labelMessage = patternMessage(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL,
  'my-name',
  '123-abc',
);
const subdomainMessage = patternMessage(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  'example.com',
);
const label1035Message = patternMessage(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  LABEL_1035,
  'my-name',
  'abc-123',
);
const qualifiedRule =
  "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const qualifiedMessage = patternMessage(qualifiedRule, QUALIFIED, 'MyName', 'my.name', '123-abc');
const labelValueMessage = patternMessage(
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
  `(${QUALIFIED})?`,
  'MyValue',
  'my_value',
  '12345',
);

function check(name: string, length: number, pattern: RegExp, message: string): readonly string[] {
  const long = name.length > length;
  // A name that is far too long is not matched at all: what is wrong with it is clear.
  const bad = name.length > 4 * length || !pattern.test(name);
  if (!long && !bad) return NOTHING;
  return [...(long ? [tooLong(length)] : []), ...(bad ? [message] : [])];
}

const NOTHING: readonly string[] = Object.freeze([]);

/** One part of a DNS name (RFC 1123), at most 63 characters: `redis-0`. */
export const checkDnsLabel: NameCheck = (name) => check(name, LABEL_LENGTH, labelPattern, labelMessage);

/** A DNS name (RFC 1123), at most 253 characters: `redis.example.com`. */
export const checkDnsSubdomain: NameCheck = (name) => check(name, SUBDOMAIN_LENGTH, subdomainPattern, subdomainMessage);

/** A DNS label that begins with a letter (RFC 1035): what services and their ports are called. */
export const checkDns1035Label: NameCheck = (name) => check(name, LABEL_LENGTH, label1035Pattern, label1035Message);

/** A name that can stand between two slashes of a URL: what roles and the like are called. */
export const checkPathSegment: NameCheck = (name) => {
  if (name === '.' || name === '..') return [`may not be '${name}'`];
  const wrong = ['/', '%'].filter((character) => name.includes(character));
  return wrong.length === 0 ? NOTHING : wrong.map((character) => `may not contain '${character}'`);
};

/** A key of a label, an annotation or a finalizer: `app`, `berth.dev/owner`. */
export const checkQualifiedName: NameCheck = (name) => {
  const parts = name.split('/');
  if (parts.length > 2) {
    return [
      `a qualified name ${qualifiedMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`,
    ];
  }
  const own = parts.at(-1) ?? '';
  const prefix = parts.length === 2 ? parts[0] : undefined;
  const wrong: string[] = [];
  if (prefix === '') wrong.push('prefix part must be non-empty');
  else if (prefix !== undefined) wrong.push(...checkDnsSubdomain(prefix).map((message) => `prefix part ${message}`));
  if (own === '') wrong.push('name part must be non-empty');
  else if (own.length > LABEL_LENGTH) wrong.push(`name part ${tooLong(LABEL_LENGTH)}`);
  if (!qualifiedPattern.test(own)) wrong.push(`name part ${qualifiedMessage}`);
  return wrong.length === 0 ? NOTHING : wrong;
};

/** The value of a label: empty, or at most 63 letters, digits, `-`, `_` and `.`. */
export const checkLabelValue: NameCheck = (value) => {
  if (value === '') return NOTHING;
  return check(value, LABEL_LENGTH, qualifiedPattern, labelValueMessage);
};
