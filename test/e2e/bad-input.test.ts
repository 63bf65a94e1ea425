import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Pods } from '../../src/api/kinds.ts';
import { example, type Server, TestBerth, untilSettled } from './support.ts';

/** One clear message that says what to do, an exit code that is not 0, and nothing lost. */
describe('bad input', () => {
  const berth = new TestBerth('bad');
  let server: Server;
  beforeAll(async () => {
    server = await berth.up('--runtime', 'simulated', '-f', example('kv.yaml'));
    await untilSettled(berth.client(), 'kv', 3);
  });
  afterAll(() => berth.close());

  const write = (name: string, text: string): string => {
    const file = path.join(berth.dataDir, name);
    fs.writeFileSync(file, text);
    return file;
  };
  const refuses = async (args: readonly string[], message: RegExp, code = 1): Promise<void> => {
    const finished = await berth.run(...args);
    expect(finished.stderr).toMatch(message);
    expect(finished.code).toBe(code);
    expect(finished.stderr).not.toMatch(/at .*\.js:\d+/); // no stack trace
    // What ran still runs.
    expect((await berth.client().list(Pods, { namespace: 'default' })).items).toHaveLength(3);
  };

  test('V5 a file that is not there, or cannot be read as YAML', async () => {
    await refuses(['apply', '-f', '/no/such/file.yaml'], /file\.yaml: no such file/);
    await refuses(['up', '-f', '/no/such/file.yaml'], /file\.yaml: no such file/);
    await refuses(['apply', '-f', write('broken.yaml', 'a: [\n')], /broken\.yaml:\d+:\d+: /);
  });

  test('V1 V4 a manifest that is invalid, told with file, line and field, and nothing of it applied', async () => {
    const good = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: good}\n---\n';
    const bad = `${good}apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: bad}\nspec:\n  replicas: -1\n  selector: {matchLabels: {app: bad}}\n  template:\n    metadata: {labels: {app: other}}\n    spec: {containers: [{name: c, image: x}]}\n`;
    await refuses(
      ['apply', '-f', write('invalid.yaml', bad)],
      /invalid\.yaml:5: .*spec\.replicas.*spec\.template\.metadata\.labels/s,
    );
    await refuses(
      [
        'apply',
        '-f',
        write('unknown.yaml', `${good}apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndataa: {}\n`),
      ],
      /unknown field "dataa"/,
    );
    await refuses(['get', 'configmap', 'good'], /configmaps "good" not found/);
  });

  test('M4 a data directory in use, told with who holds it', async () => {
    await refuses(
      ['up', '--api-port', '0', '--dns-port', '0'],
      new RegExp(`${berth.dataDir}.*process ${server.child.pid}`, 's'),
    );
  });

  test('a data directory that cannot be, told as one, also to who does not wait for the server', async () => {
    const below = path.join(write('file', ''), 'below');
    for (const how of [[], ['--detach']])
      await refuses(
        ['up', '--api-port', '0', '--dns-port', '0', '--data-dir', below, ...how],
        /below is not a directory/,
      );
    await refuses(['down', '--volumes', '--yes', '--data-dir', path.dirname(berth.dataDir)], /there is no cluster in/);
    await refuses(['down', '--volumes', '--yes', '--data-dir', ''], /--data-dir.*a directory is needed/, 2);
  });

  test('a data directory that down cannot use, told at once', async () => {
    const directory = path.join(berth.dataDir, 'broken');
    fs.cpSync(path.join(berth.dataDir, 'store'), path.join(directory, 'store'), { recursive: true });
    fs.mkdirSync(path.join(directory, 'lock'));
    const finished = await berth.run('down', '--timeout', '1s', '--data-dir', directory);
    expect(finished.code).toBe(1);
    expect(finished.stderr).toMatch(/^berth: .*lock cannot be used: .*\n.*--data-dir\n$/);
  });

  test('a port in use, told with the option that takes another', async () => {
    const other = new TestBerth('port');
    const taken = net.createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const { port } = taken.address() as net.AddressInfo;
    try {
      for (const [option, free] of [
        ['--api-port', '--dns-port'],
        ['--dns-port', '--api-port'],
      ] as const) {
        const finished = await other.run('up', '--runtime', 'simulated', option, String(port), free, '0');
        expect(finished.stderr).toMatch(new RegExp(`${port}.*${option}`, 's'));
        expect(finished.code).toBe(1);
      }
    } finally {
      taken.close();
      await other.close();
    }
  });

  test('a mistake in a manifest does not touch what an earlier server left running', async () => {
    server.signal('SIGKILL');
    await server.ended;
    const finished = await berth.run(
      'up',
      '--runtime',
      'simulated',
      '--api-port',
      '0',
      '--dns-port',
      '0',
      '-f',
      write('half.yaml', 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\n'),
    );
    expect(finished.code).toBe(1);
    expect(finished.stderr).toMatch(/half\.yaml:1: .*spec\.containers/s);
    server = await berth.up('--runtime', 'simulated');
    await untilSettled(berth.client(), 'kv', 3);
  });

  test.each([
    [['frobnicate'], /^berth: unknown command 'frobnicate'\n +berth --help shows the commands\n$/, 2],
    [['gett'], /Did you mean get\?/, 2],
    [['get', 'gizmos'], /no resource type "gizmos"/, 1],
    [['get', 'pod', 'kv-9'], /pods "kv-9" not found/, 1],
    [['scale', 'sts/kv', '--replicas', 'many'], /whole number/, 2],
    [['scale', 'pod/kv-0', '--replicas', '1'], /cannot be scaled/, 1],
    [['up', '--restart-back-off', '10s'], /three times such as 10s,5m,10m are needed/, 2],
    [['up', '--restart-back-off', '10s,1s,1m'], /the second no shorter than the first/, 2],
    [['up', '--nodes', '1000'], /whole number from 0 to 64/, 2],
    [['logs', 'nobody'], /pods "nobody" not found/, 1],
    [['exec', 'kv-0'], /missing required argument 'command'\n +berth exec --help/, 2],
    [['plan', 'scale', 'sts/kv'], /'--replicas <number>' not specified\n +berth plan scale --help/, 2],
    [['dns', 'nobody.nowhere'], /no such name\n +there are: kubernetes, kv, kv-0\.kv/, 1],
    [['dns', 'kv-0'], /no such name\n +did you mean kv-0\.kv\?/, 1],
    [['delete', 'pod', 'kv-0', '--grace-period', '0'], /--force/, 1],
    [['delete', 'pod', 'kv-0', '--all'], /--all and --selector go with a kind and no names/, 1],
    [['delete', 'pods', '-l', 'app=nobody'], /No resources found with these labels in default namespace/, 0],
    [['apply', '-f', 'https://example.com/kv.yaml'], /no such file.*\n +addresses are not read: curl -L/, 1],
  ] as const)('%j', async (args, message, code) => {
    await refuses(args, message, code);
  });

  test('a command without a cluster says how to start one', async () => {
    const nobody = new TestBerth('nobody');
    const finished = await nobody.run('get', 'pods');
    expect(finished.code).toBe(1);
    expect(finished.stderr).toMatch(/no cluster runs on .*\n +start one with: berth up/);
    expect((await nobody.run('status')).code).toBe(3);
    expect(JSON.parse((await nobody.run('status', '-o', 'json')).stdout)).toMatchObject({ running: false, pods: [] });
    await nobody.close();
  });
});
