import { describe, expect, test } from 'vitest';

import { StartError } from '../runtime.ts';
import { commandLine } from './image-table.ts';

const line = (image: string, command: string[] = [], args: string[] = []) => commandLine({ image, command, args });

describe('what a container runs', () => {
  test('a command is run whatever the image', () => {
    expect(line('anything', ['serve', '-v'], ['--port', '80'])).toEqual(['serve', '-v', '--port', '80']);
  });

  test.each([
    ['redis', 'redis-server'],
    ['redis:8.2-alpine', 'redis-server'],
    ['docker.io/library/redis@sha256:0123', 'redis-server'],
    ['registry.example:5000/team/redis:8', 'redis-server'],
    ['node:24', 'node'],
  ])('%s stands for %s', (image, program) => expect(line(image)[0]).toBe(program));

  test('arguments replace those of the image', () => {
    expect(line('nginx')).toEqual(['nginx', '-g', 'daemon off;']);
    expect(line('nginx', [], ['-t'])).toEqual(['nginx', '-t']);
  });

  test.each<[image: string, args: string[], command: string[]]>([
    ['busybox', ['ls', '/'], ['ls', '/']],
    ['python:3', ['python3', '-V'], ['python3', '-V']],
    ['redis', ['redis-cli', '-h', 'db'], ['redis-cli', '-h', 'db']],
    ['redis', ['/etc/redis.conf'], ['redis-server', '/etc/redis.conf']],
    ['node', ['server.mjs'], ['node', 'server.mjs']],
    ['shop', ['serve'], ['serve']],
  ])('%s with arguments %j runs %j', (image, args, command) => expect(line(image, [], args)).toEqual(command));

  test.each(['shop', 'example.com/redis/shop:1', 'constructor', ''])('nothing is known of "%s"', (image) => {
    expect(() => line(image)).toThrow(StartError);
    expect(() => line(image, [], ['--port'])).toThrow('`command`');
  });
});
