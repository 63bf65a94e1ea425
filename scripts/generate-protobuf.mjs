// Writes src/api/generated/protobuf.ts: which number each field has in Kubernetes' protobuf encoding.
//
// The numbers and types are in the `generated.proto` files of k8s.io/api and k8s.io/apimachinery, the names that JSON has
// for them, and which of them are written although they are zero, in the Go types beside these. Debian has both
// (golang-k8s-api-dev and golang-k8s-apimachinery-dev, of the release whose version is wanted):
//   node scripts/generate-protobuf.mjs /usr/share/gocode/src/k8s.io
import fs from 'node:fs';
import path from 'node:path';

const root = path.join(import.meta.dirname, '..');
const target = path.join(root, 'src', 'api', 'generated', 'protobuf.ts');
const sources = process.argv[2];
if (sources === undefined) {
  console.error('usage: node scripts/generate-protobuf.mjs DIRECTORY-OF-k8s.io');
  process.exit(1);
}

const packages = new Map();
/** A Go package: its messages with their fields, and what Go and JSON make of each field. */
function packageAt(name) {
  const known = packages.get(name);
  if (known !== undefined) return known;
  const directory = path.join(sources, ...name.replace(/^k8s\.io\./, '').split('.'));
  const proto = fs.readFileSync(path.join(directory, 'generated.proto'), 'utf8').replace(/^\s*\/\/.*$/gm, '');
  const go = fs
    .readdirSync(directory)
    .filter((file) => /^(?!generated|zz_).*\.go$/.test(file) && !file.endsWith('_test.go'));
  const types = go.map((file) => fs.readFileSync(path.join(directory, file), 'utf8')).join('\n');
  const messages = new Map();
  for (const [, message, body] of proto.matchAll(/^message (\w+) \{([\s\S]*?)^\}/gm)) {
    const tags = tagsOf(types, message);
    const fields = [...body.matchAll(/^\s*(optional|repeated|map<string, ([\w.]+)>) ?([\w.]*) (\w+) = (\d+);/gm)].map(
      ([, label, ofMap, type, field, number]) => {
        const prefix = label === 'optional' ? '' : label === 'repeated' ? '[]' : '{}';
        return { number: Number(number), prefix, type: ofMap ?? type, field, ...tags.get(Number(number)) };
      },
    );
    messages.set(message, fields);
  }
  packages.set(name, messages);
  return messages;
}

/** By number: the name of a field in JSON ('' when its fields lie among its parent's), and whether JSON has a zero. */
function tagsOf(types, message) {
  const body = new RegExp(`^type ${message} struct \\{([\\s\\S]*?)^\\}`, 'm').exec(types)?.[1] ?? '';
  const field = /^\s*(?:\w+\s+)?(\*?)[\w.[\]*]+\s+`json:"([^"]*)"[^`]*\bprotobuf:"[^,]*,(\d+),/gm;
  return new Map(
    [...body.matchAll(field)].map(([, pointer, json, number]) => {
      const [name, ...options] = json.split(',');
      return [
        Number(number),
        { name, keepsZero: pointer === '*' || !options.some((option) => option.startsWith('omit')) },
      ];
    }),
  );
}

const SCALARS = { int32: 'int', int64: 'int', bool: 'bool', string: 'string', bytes: 'bytes' };
/** Messages that are something else in JSON. */
const SPECIAL = {
  'k8s.io.apimachinery.pkg.api.resource.Quantity': 'quantity',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Time': 'time',
  'k8s.io.apimachinery.pkg.apis.meta.v1.MicroTime': 'microtime',
  'k8s.io.apimachinery.pkg.apis.meta.v1.Duration': 'duration',
  'k8s.io.apimachinery.pkg.apis.meta.v1.FieldsV1': 'json',
  'k8s.io.apimachinery.pkg.runtime.RawExtension': 'json',
  'k8s.io.api.authentication.v1.ExtraValue': 'strings',
  'k8s.io.api.authorization.v1.ExtraValue': 'strings',
  'k8s.io.apimachinery.pkg.util.intstr.IntOrString': 'intorstring',
};

const ROOTS = {
  core: 'v1 Namespace Pod Service Endpoints ConfigMap Secret ServiceAccount PersistentVolumeClaim PersistentVolume Node Event ResourceQuota LimitRange PodTemplate Binding',
  apps: 'v1 StatefulSet ControllerRevision ReplicaSet Deployment',
  autoscaling: 'v1 Scale',
  discovery: 'v1 EndpointSlice',
  storage: 'v1 StorageClass',
  coordination: 'v1 Lease',
  policy: 'v1 PodDisruptionBudget Eviction',
  events: 'v1 Event',
  scheduling: 'v1 PriorityClass',
  rbac: 'v1 Role RoleBinding ClusterRole ClusterRoleBinding',
  authentication: 'v1 TokenReview TokenRequest SelfSubjectReview',
  authorization: 'v1 LocalSubjectAccessReview SelfSubjectAccessReview SelfSubjectRulesReview SubjectAccessReview',
};
const GROUPS = {
  core: '',
  discovery: 'discovery.k8s.io',
  storage: 'storage.k8s.io',
  coordination: 'coordination.k8s.io',
  events: 'events.k8s.io',
  scheduling: 'scheduling.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
};

const short = (name) => name.replace('k8s.io.apimachinery.pkg.apis.', '').replace('k8s.io.api.', '');
const table = {};
const kinds = {};

function add(name) {
  const key = short(name);
  if (key in table) return;
  const [, scope, message] = /^(.*)\.(\w+)$/.exec(name);
  const fields = packageAt(scope).get(message);
  if (fields === undefined) throw new Error(`there is no ${name}`);
  table[key] = '';
  table[key] = fields.map((field) => `${field.number} ${describe(field, scope)}`).join(', ');
}

function describe({ name, field, prefix, type, keepsZero }, scope) {
  const zero = prefix === '' && keepsZero ? '?' : '';
  if (name === undefined) throw new Error(`${field} of ${scope} is not in Go`);
  if (type in SCALARS) return `${name} ${prefix}${zero}${SCALARS[type]}`;
  const full = type.startsWith('.') ? type.slice(1) : `${scope}.${type}`;
  if (full in SPECIAL) return `${name} ${prefix}${SPECIAL[full] === 'intorstring' ? zero : ''}${SPECIAL[full]}`;
  add(full);
  return name === '' ? `${field} ...${short(full)}` : `${name} ${prefix}${short(full)}`;
}

for (const [name, list] of Object.entries(ROOTS)) {
  const [version, ...roots] = list.split(' ');
  const group = GROUPS[name] ?? name;
  for (const kind of roots) {
    const full = `k8s.io.api.${name}.${version}.${kind}`;
    add(full);
    kinds[`${group === '' ? version : `${group}/${version}`} ${kind}`] = short(full);
  }
}
add('k8s.io.apimachinery.pkg.apis.meta.v1.DeleteOptions');

const sorted = Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)));
fs.writeFileSync(
  target,
  `// Generated by scripts/generate-protobuf.mjs from the sources of Kubernetes' API. Do not edit.

/**
 * The fields of every message: number, name in JSON and type. \`[]\` in front of a type is a list, \`{}\` a map with string
 * keys, \`...\` a message whose fields lie among those of its parent in JSON, \`?\` a value that JSON has although it is zero:
 * of all others a zero means that nothing was said.
 */
export const messages: Readonly<Record<string, string>> = ${JSON.stringify(sorted, null, 2)};

/** The message of each version and kind. */
export const messageOfKind: Readonly<Record<string, string>> = ${JSON.stringify(kinds, null, 2)};
`,
);
console.log(`${Object.keys(table).length} messages in ${path.relative(root, target)}`);
