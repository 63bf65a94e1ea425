import { stringify } from 'yaml';

import type { Encoder } from './representations.ts';

/** What another encoder writes, as YAML. For people with curl: nothing here is made to be fast. */
export function yamlEncoder(json: Encoder): Encoder {
  const asYaml = (parts: Iterable<Buffer>): Buffer =>
    Buffer.from(stringify(JSON.parse(Buffer.concat([...parts]).toString('utf8'))));
  return {
    contentType: 'application/yaml',
    object: (type, item) => asYaml([json.object(type, item)]),
    list: (type, list) => [asYaml(json.list(type, list))],
    // A watch is a stream of JSON in any case.
    bookmark: json.bookmark,
  };
}
