// Writes src/api/generated/protobuf.ts: which number each field has in Kubernetes' protobuf encoding.
//
// The numbers are in the descriptors that a `kubectl` of versions 1.20 to 1.33 carries in its binary:
//   node scripts/generate-protobuf.mjs /usr/bin/kubectl
// A number is never given to another field, so an older kubectl only lacks the fields that came after it.
import fs from 'node:fs';
import path from 'node:path';
import zlib from 'node:zlib';

const root = path.join(import.meta.dirname, '..');
const target = path.join(root, 'src', 'api', 'generated', 'protobuf.ts');
const schemaText = fs.readFileSync(path.join(root, 'src', 'api', 'generated', 'schema.ts'), 'utf8');
const schema = JSON.parse(schemaText.slice(schemaText.indexOf('= {') + 2, schemaText.lastIndexOf('}') + 1));
const kubectl = process.argv[2];
if (kubectl === undefined) {
  console.error('usage: node scripts/generate-protobuf.mjs PATH-OF-KUBECTL');
  process.exit(1);
}

/** The fields of a protobuf message as [number, wire type, value]. */
function* fields(bytes) {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    switch (key % 8) {
      case 0:
        yield [number, 0, varint()];
        break;
      case 2: {
        const length = varint();
        yield [number, 2, bytes.subarray(at, at + length)];
        at += length;
        break;
      }
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      default:
        throw new Error(`no wire type ${key % 8}`);
    }
  }
}
const all = (bytes, number) => [...fields(bytes)].filter((field) => field[0] === number).map((field) => field[2]);
const first = (bytes, number) => all(bytes, number)[0];
const text = (bytes) => bytes?.toString('utf8') ?? '';

// Descriptors are compressed, each with a header that has no time and no name.
const binary = fs.readFileSync(kubectl);
const header = Buffer.from('1f8b080000000000', 'hex');
const messages = new Map();
for (let at = binary.indexOf(header); at >= 0; at = binary.indexOf(header, at + 1)) {
  let file;
  try {
    file = zlib.gunzipSync(binary.subarray(at, at + 200_000), { finishFlush: zlib.constants.Z_SYNC_FLUSH });
  } catch {
    try {
      file = zlib.inflateRawSync(binary.subarray(at + 10, at + 200_000));
    } catch {
      continue;
    }
  }
  if (!file.subarray(0, 120).includes('generated.proto')) continue;
  const packageName = text(first(file, 2));
  for (const message of all(file, 4)) addMessage(packageName, message);
}

function addMessage(scope, message) {
  const name = `${scope}.${text(first(message, 1))}`;
  const isMap = all(message, 7).some((options) => first(options, 7) === 1);
  messages.set(name, { isMap, fields: all(message, 2).map(readField) });
  for (const nested of all(message, 3)) addMessage(name, nested);
}

function readField(field) {
  return {
    name: text(first(field, 1)),
    number: first(field, 3),
    repeated: first(field, 4) === 3,
    type: first(field, 5),
    message: text(first(field, 6)).replace(/^\./, ''),
  };
}

const SCALARS = { 3: 'int', 4: 'int', 5: 'int', 8: 'bool', 9: 'string', 12: 'bytes', 13: 'int' };
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
  const message = messages.get(name);
  if (message === undefined) throw new Error(`no descriptor of ${name}`);
  table[key] = '';
  const known = schema[name.endsWith('events.v1.Event') ? 'EventsEvent' : name.split('.').at(-1)];
  table[key] = message.fields.map((field) => `${field.number} ${field.name} ${typeOf(field, known)}`).join(', ');
}

function typeOf(field, known) {
  const list = field.repeated ? '[]' : '';
  if (field.type !== 11) {
    if (!(field.type in SCALARS)) throw new Error(`no type ${field.type} for ${field.name}`);
    return list + SCALARS[field.type];
  }
  const { message } = field;
  if (message in SPECIAL) return list + SPECIAL[message];
  if (messages.get(message)?.isMap)
    return `{}${typeOf(messages.get(message).fields.find((each) => each.number === 2))}`;
  add(message);
  // What JSON does not know by name lies in JSON among the fields of its parent.
  const inline = known !== undefined && !(field.name in known) && !field.repeated;
  return `${list}${inline ? '...' : ''}${short(message)}`;
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
  `// Generated by scripts/generate-protobuf.mjs from the descriptors in a kubectl. Do not edit.

/**
 * The fields of every message: number, name in JSON and type. \`[]\` in front of a type is a list, \`{}\` a map with string
 * keys, \`...\` a message whose fields lie among those of its parent in JSON.
 */
export const messages: Readonly<Record<string, string>> = ${JSON.stringify(sorted, null, 2)};

/** The message of each version and kind. */
export const messageOfKind: Readonly<Record<string, string>> = ${JSON.stringify(kinds, null, 2)};
`,
);
console.log(`${Object.keys(table).length} messages in ${path.relative(root, target)}`);
