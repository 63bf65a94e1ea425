import { messages } from '../../api/generated/protobuf.ts';

export interface FieldType {
  /** As JSON calls it. */
  readonly name: string;
  readonly container: 'one' | 'list' | 'map';
  /** Its fields lie among those of its parent in JSON. */
  readonly inline: boolean;
  /** JSON has it although it is zero. Kubernetes writes zeros in any case: of other fields they mean that nothing was said. */
  readonly keepsZero: boolean;
  /** `string`, `int`, `time` ..., or the name of a message. */
  readonly type: string;
}

export type MessageType = ReadonlyMap<number, FieldType>;

const parsed = new Map<string, MessageType>();

/** The fields of a message by their numbers; undefined when there is no such message. */
export function messageType(name: string): MessageType | undefined {
  const known = parsed.get(name);
  if (known !== undefined) return known;
  const text = messages[name];
  if (text === undefined) return undefined;
  const fields = new Map(text === '' ? [] : text.split(', ').map(parseField));
  parsed.set(name, fields);
  return fields;
}

function parseField(text: string): [number, FieldType] {
  const [number = '', name = '', described = ''] = text.split(' ');
  const container = described.startsWith('[]') ? 'list' : described.startsWith('{}') ? 'map' : 'one';
  const bare = container === 'one' ? described : described.slice(2);
  const inline = bare.startsWith('...');
  const keepsZero = bare.startsWith('?');
  const type = inline ? bare.slice(3) : keepsZero ? bare.slice(1) : bare;
  return [Number(number), { name, container, inline, keepsZero, type }];
}
