import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';

import { builtInTypes } from '../api/kinds.ts';
import { readManifests, typeOfManifest } from './manifests.ts';

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-manifests-'));
afterAll(() => fs.rmSync(directory, { recursive: true }));

function write(name: string, content: string | Buffer): string {
  const file = path.join(directory, name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, content);
  return file;
}

const service = 'apiVersion: v1\nkind: Service\nmetadata: {name: a}\n';

describe('reading manifests', () => {
  test('takes every document of a file, in order, with its line', () => {
    const file = write(
      'two.yaml',
      `${service}---\n# a comment\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\n`,
    );
    expect(readManifests([file]).map(({ manifest, where }) => [manifest.kind, where])).toEqual([
      ['Service', `${file}:1`],
      ['ConfigMap', `${file}:7`],
    ]);
  });

  test('takes the manifests of a directory by name and leaves other files alone', () => {
    write('dir/2.yml', service.replace('a}', 'second}'));
    write('dir/1.json', JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'first' } }));
    write('dir/notes.txt', 'not a manifest');
    expect(readManifests([path.join(directory, 'dir')]).map(({ manifest }) => manifest.metadata.name)).toEqual([
      'first',
      'second',
    ]);
  });

  test('takes a List apart', () => {
    const file = write(
      'list.yaml',
      'apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: x}}\n',
    );
    expect(readManifests([file]).map(({ manifest }) => manifest.kind)).toEqual(['Secret']);
  });

  test.each([
    ['a file that is not there', () => path.join(directory, 'none.yaml'), /none\.yaml: no such file or directory/],
    ['broken YAML, with line and column', () => write('broken.yaml', 'a: b\n  c: [d\n'), /broken\.yaml:\d+:\d+: /],
    [
      'a key given twice',
      () => write('twice.yaml', 'apiVersion: v1\nkind: Service\nkind: Pod\n'),
      /twice\.yaml:3:\d+: .*unique/,
    ],
    [
      'bytes that are not text',
      () => write('binary.yaml', Buffer.from([0xff, 0xfe, 0x00, 0xc3])),
      /binary\.yaml: not a text file/,
    ],
    ['an object without a kind', () => write('kindless.yaml', 'apiVersion: v1\n'), /kindless\.yaml:1: kind is missing/],
    [
      'an object without a name',
      () => write('nameless.yaml', 'apiVersion: v1\nkind: Pod\n'),
      /nameless\.yaml:1: Pod has no metadata\.name/,
    ],
    ['a document that is a list', () => write('array.yaml', '- 1\n'), /array\.yaml:1: not an object/],
    ['a file with nothing in it', () => write('empty.yaml', '# nothing\n'), /no objects in there/],
    [
      'a directory without manifests',
      () => path.dirname(write('bare/readme.md', 'x')),
      /no \.yaml, \.yml, \.json files/,
    ],
    [
      'aliases that would grow without end',
      () =>
        write(
          'bomb.yaml',
          `a: &a [x,x,x,x,x,x,x,x,x,x]\n${'bcdefgh'
            .split('')
            .map((n, i) => `${n}: &${n} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(',')}]\n`)
            .join('')}`,
        ),
      /Excessive alias count/,
    ],
  ])('V5 refuses %s', (_, make, message) => {
    expect(() => readManifests([make()])).toThrow(message);
  });

  test('names the kind that was probably meant', () => {
    const file = write('wrong-group.yaml', 'apiVersion: apps/v1beta1\nkind: Statefulset\nmetadata: {name: x}\n');
    const [source] = readManifests([file]);
    expect(() => typeOfManifest(source!, builtInTypes)).toThrow(/no kind Statefulset in apps\/v1beta1 is served/);
    try {
      typeOfManifest(source!, builtInTypes);
    } catch (error) {
      expect((error as { hint: string }).hint).toContain('apiVersion: apps/v1, kind: StatefulSet');
    }
  });
});
