// Makes src/api/generated/ from the models of @kubernetes/client-node, which are generated from the official
// OpenAPI document of Kubernetes. Run by hand (`npm run generate`) when that package moves to a newer Kubernetes;
// the result is committed. `--check` only compares, for CI.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

/** The kinds Berth serves; every type they reach is generated too. */
const ROOTS = [
  'V1Namespace',
  'V1Pod',
  'V1Binding',
  'V1Eviction',
  'V1Service',
  'V1Endpoints',
  'V1ConfigMap',
  'V1Secret',
  'V1ServiceAccount',
  'V1PersistentVolumeClaim',
  'V1PersistentVolume',
  'V1Node',
  'CoreV1Event',
  'V1ResourceQuota',
  'V1LimitRange',
  'V1PodTemplate',
  'V1StatefulSet',
  'V1ControllerRevision',
  'V1ReplicaSet',
  'V1Deployment',
  'V1Scale',
  'V1EndpointSlice',
  'V1StorageClass',
  'V1Lease',
  'V1PodDisruptionBudget',
  'EventsV1Event',
  'V1PriorityClass',
  'V1Role',
  'V1RoleBinding',
  'V1ClusterRole',
  'V1ClusterRoleBinding',
  'V1TokenReview',
  'AuthenticationV1TokenRequest',
  'V1SelfSubjectReview',
  'V1SubjectAccessReview',
  'V1SelfSubjectAccessReview',
  'V1LocalSubjectAccessReview',
  'V1SelfSubjectRulesReview',
  'V1CustomResourceDefinition',
  'V1Status',
  'V1DeleteOptions',
  'V1ListMeta',
  'V1APIGroupList',
  'V1APIResourceList',
  'V1APIVersions',
  'V1PersistentVolumeClaimTemplate',
];

/** Names that would collide, or that Kubernetes itself writes differently. */
const RENAMED = {
  CoreV1Event: 'Event',
  EventsV1Event: 'EventsEvent',
  CoreV1EventSeries: 'EventSeries',
  EventsV1EventSeries: 'EventsEventSeries',
  CoreV1EndpointPort: 'EndpointPort',
  DiscoveryV1EndpointPort: 'EndpointSlicePort',
  AuthenticationV1TokenRequest: 'TokenRequest',
  RbacV1Subject: 'Subject',
  CoreV1ResourceClaim: 'ResourceClaim',
  FlowcontrolV1Subject: 'FlowcontrolSubject',
};

/** Fields that defaulting or validation guarantees in every served object, though the document calls them optional. */
const ALWAYS = new Set(['PodTemplateSpec.spec', 'PersistentVolumeClaimTemplate.spec']);

/** Fields whose TypeScript type is narrower than the document's: a claim template is never itself a served object. */
const READ_AS = { 'StatefulSetSpec.volumeClaimTemplates': '[]PersistentVolumeClaimTemplate' };

const SERVED_META = `
/** The metadata of an object as the API serves it: what every stored object has is not optional. */
export interface ServedMeta extends ObjectMeta {
  readonly name: string;
  readonly uid: string;
  /** A rising decimal integer: the store's revision of the write that made this version. */
  readonly resourceVersion: string;
  /** RFC 3339, in seconds. */
  readonly creationTimestamp: string;
}

`;

const require = createRequire(import.meta.url);
const entry = path.dirname(require.resolve('@kubernetes/client-node'));
const models = path.join(entry, 'gen', 'models');
const outDir = path.join(import.meta.dirname, '..', 'src', 'api', 'generated');

const publicName = (name) =>
  RENAMED[name] ?? name.replace(/^(Core|Discovery|Storage|Rbac|Apiextensions|Authentication)?V1(?=[A-Z])/, '');
const isModel = (name) => fs.existsSync(path.join(models, `${name}.d.ts`));

/** The fields of one model: `{name, type, format, required, description}`, types as the models write them. */
async function readModel(name) {
  const declaration = fs.readFileSync(path.join(models, `${name}.d.ts`), 'utf8');
  const { [name]: model } = await import(path.join(models, `${name}.js`));
  const description = /\/\*\*\n\* ([^\n]*)\n\*\/\nexport declare class/.exec(declaration)?.[1] ?? '';
  const fields = model.attributeTypeMap.map((attribute) => {
    const at = new RegExp(`(?:/\\*\\*\\n {4}\\* ([^\\n]*)\\n {4}\\*/\\n {4})?'${attribute.name}'(\\??):`).exec(
      declaration,
    );
    return {
      name: attribute.baseName,
      type: attribute.type,
      format: attribute.format,
      required: at?.[2] === '',
      description: (at?.[1] ?? '').replaceAll("\\'", "'").replaceAll('\\"', '"'),
    };
  });
  return { description: description.replaceAll("\\'", "'").replaceAll('\\"', '"'), fields };
}

/** One type of the models as the schema writes it: `string`, `int32`, `[]Container`, `{}string` ... */
function schemaType(type, format, reach) {
  const array = /^Array<(.*)>$/.exec(type);
  if (array) return `[]${schemaType(array[1], format, reach)}`;
  const map = /^\{ \[key: string\]: (.*); \}$/.exec(type);
  if (map) return `{}${schemaType(map[1], format, reach)}`;
  switch (type) {
    case 'string':
      return format === 'byte' ? 'byte' : 'string';
    case 'number':
      return format === '' ? 'int64' : format;
    case 'boolean':
      return 'boolean';
    case 'Date':
      return 'date-time';
    case 'V1MicroTime':
      return 'micro-time';
    case 'IntOrString':
      return 'int-or-string';
    case 'any':
    case 'object':
      return 'any';
    default:
      if (format === 'date-time-micro' || /MicroTime$/.test(type)) return 'micro-time';
      if (!isModel(type)) throw new Error(`unknown type ${type}`);
      reach(type);
      return publicName(type);
  }
}

const TS = {
  string: 'string',
  byte: 'string',
  int32: 'number',
  int64: 'number',
  double: 'number',
  boolean: 'boolean',
  'date-time': 'string',
  'micro-time': 'string',
  'int-or-string': 'number | string',
  any: 'unknown',
};
function tsType(type) {
  if (type.startsWith('[]')) {
    const inner = tsType(type.slice(2));
    return `readonly ${inner.includes(' ') ? `(${inner})` : inner}[]`;
  }
  if (type.startsWith('{}')) return `{ readonly [key: string]: ${tsType(type.slice(2))} }`;
  return TS[type] ?? type;
}
const tsKey = (name) => (/^[A-Za-z_$][\w$]*$/.test(name) ? name : `'${name}'`);

const queue = [...ROOTS];
const seen = new Set();
const types = new Map();
for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
  if (seen.has(name)) continue;
  seen.add(name);
  const model = await readModel(name);
  const shown = publicName(name);
  if (types.has(shown)) throw new Error(`two models are named ${shown}: add one to RENAMED`);
  types.set(shown, {
    description: model.description,
    fields: model.fields.map((f) => ({ ...f, type: schemaType(f.type, f.format, (t) => queue.push(t)) })),
  });
}

const sorted = [...types].sort(([a], [b]) => (a < b ? -1 : 1));
const root = new Set(ROOTS.map(publicName));
const header = '// Generated by scripts/generate-api.mjs from the OpenAPI document of Kubernetes 1.36. Do not edit.\n';
const typesFile =
  `${header}${SERVED_META}` +
  sorted
    .map(([name, { fields }]) => {
      const body = fields
        .map((f) => {
          // What a served object always has is not optional for a reader; `New<T>` (meta.ts) is the form for writers.
          const served = root.has(name) && fields.some((x) => x.name === 'apiVersion');
          const always =
            (served && ['apiVersion', 'kind', 'metadata', 'spec'].includes(f.name)) || ALWAYS.has(`${name}.${f.name}`);
          const type = served && f.type === 'ObjectMeta' ? 'ServedMeta' : (READ_AS[`${name}.${f.name}`] ?? f.type);
          return `  readonly ${tsKey(f.name)}${f.required || always ? '' : '?'}: ${tsType(type)};`;
        })
        .join('\n');
      return `export interface ${name} {\n${body}\n}\n`;
    })
    .join('\n');
const schema = Object.fromEntries(
  sorted.map(([name, { fields }]) => [
    name,
    Object.fromEntries(fields.map((f) => [f.name, f.required ? `${f.type}!` : f.type])),
  ]),
);
const descriptions = Object.fromEntries(
  sorted.map(([name, { description, fields }]) => [
    name,
    { '': description, ...Object.fromEntries(fields.filter((f) => f.description).map((f) => [f.name, f.description])) },
  ]),
);
const schemaFile = `${header}
/**
 * Every type by name: its fields, each with its type. \`!\` at the end marks a required field, \`[]\` in front a list,
 * \`{}\` a map with string keys; a name in capitals is another type of this table.
 */
export const schema: Readonly<Record<string, Readonly<Record<string, string>>>> = ${JSON.stringify(schema, null, 2)};
`;
const files = {
  'types.ts': typesFile,
  'schema.ts': schemaFile,
  'descriptions.json': `${JSON.stringify(descriptions, null, 1)}\n`,
};
const check = process.argv.includes('--check');
let stale = false;
fs.mkdirSync(outDir, { recursive: true });
for (const [name, text] of Object.entries(files)) {
  const file = path.join(outDir, name);
  if (check) {
    if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) {
      stale = true;
      console.error(`${name} is out of date: run npm run generate`);
    }
  } else fs.writeFileSync(file, text);
}
console.log(`${types.size} types`);
process.exit(stale ? 1 : 0);
