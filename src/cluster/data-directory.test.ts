import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type DataDirectory,
  DataDirectoryError,
  dataDirectoryPath,
  openDataDirectory,
  readServerStatus,
  removeData,
  type ServerStatus,
  serverProcess,
  writeServerStatus,
} from './data-directory.ts';
import { processIdentity } from './process-identity.ts';

// The other process takes the lock with a program that only Linux has.
const linuxTest = test.skipIf(process.platform !== 'linux');

let base: string;
const held: DataDirectory[] = [];
const children: ChildProcess[] = [];

beforeEach(() => {
  base = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-data-'));
});
afterEach(() => {
  for (const directory of held.splice(0)) directory.release();
  for (const child of children.splice(0)) child.kill('SIGKILL');
  fs.rmSync(base, { recursive: true, force: true });
});

async function open(directory: string): Promise<DataDirectory> {
  const opened = await openDataDirectory(directory);
  held.push(opened);
  return opened;
}

/** A process that takes the kernel's lock on the directory and writes down who it is, as a server does. */
async function otherServer(directory: string): Promise<ChildProcess> {
  fs.mkdirSync(directory, { recursive: true });
  const script = `
    const fs = require('node:fs');
    const fd = fs.openSync(process.argv[1], 'a+');
    require('node:child_process').spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', fd] });
    fs.writeSync(fd, JSON.stringify({ pid: process.pid, since: '2026-01-01T00:00:00.000Z', identity: process.argv[2] }));
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const file = path.join(directory, 'lock');
  const child = spawn(process.execPath, ['-e', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  await new Promise((resolve) => readline.createInterface({ input: child.stdout }).once('line', resolve));
  const holder = { pid: child.pid, since: '2026-01-01T00:00:00.000Z', identity: processIdentity(child.pid ?? 0) };
  fs.writeFileSync(file, JSON.stringify(holder));
  return child;
}

function status(directory: string, changes: Partial<ServerStatus> = {}): ServerStatus {
  return {
    pid: process.pid,
    startedAt: '2026-01-01T00:00:00Z',
    apiServer: 'https://127.0.0.1:6443',
    dns: '127.0.0.1:10053',
    kubeconfig: path.join(directory, 'kubeconfig'),
    dataDir: directory,
    isolation: 'namespaces',
    nodes: ['node-0'],
    version: '0.1.0',
    ...changes,
  };
}

describe('the data directory that is meant', () => {
  const environment = { BERTH_DATA_DIR: '/env', XDG_DATA_HOME: '/xdg', HOME: '/home/me' };

  test('is the one that is named, else that of the environment, else in the home', () => {
    expect(dataDirectoryPath('/named', environment)).toBe('/named');
    expect(dataDirectoryPath(undefined, environment)).toBe('/env');
    expect(dataDirectoryPath(undefined, { ...environment, BERTH_DATA_DIR: '' })).toBe('/xdg/berth');
    expect(dataDirectoryPath(undefined, { HOME: '/home/me' })).toBe('/home/me/.local/share/berth');
  });

  test('is absolute, and a relative XDG_DATA_HOME or an empty HOME does not count', () => {
    expect(path.isAbsolute(dataDirectoryPath(undefined, { HOME: '' }))).toBe(true);
    expect(dataDirectoryPath('here', {})).toBe(path.resolve('here'));
    expect(dataDirectoryPath(undefined, { XDG_DATA_HOME: 'xdg', HOME: '/home/me' })).toBe(
      '/home/me/.local/share/berth',
    );
  });
});

describe('opening a data directory', () => {
  test('makes it, for its user only', async () => {
    const directory = path.join(base, 'a', 'b');
    const opened = await open(directory);
    expect(fs.statSync(directory).mode & 0o777).toBe(0o700);
    expect(opened.store).toBe(path.join(directory, 'store'));
  });

  test('is refused with a reason when there is a file at it or above it', async () => {
    const file = path.join(base, 'file');
    fs.writeFileSync(file, '');
    for (const directory of [file, path.join(file, 'below')]) {
      await expect(openDataDirectory(directory)).rejects.toThrow(`${directory} is not a directory`);
    }
  });

  linuxTest('is refused with a reason where no directory can be', async () => {
    await expect(openDataDirectory('/proc/berth')).rejects.toThrow('/proc/berth cannot be used');
  });

  test.skipIf(process.getuid?.() === 0)('is refused with a reason when it cannot be written to', async () => {
    fs.chmodSync(base, 0o500);
    await expect(openDataDirectory(path.join(base, 'a'))).rejects.toThrow('cannot be written to');
    fs.chmodSync(base, 0o700);
  });

  test('M4 a second server is refused and told who holds the directory', async () => {
    await open(base);
    writeServerStatus(status(base));
    const refused = openDataDirectory(base);
    await expect(refused).rejects.toBeInstanceOf(DataDirectoryError);
    await expect(refused).rejects.toThrow(
      /is in use by this process itself since 20\d\d-.*Z, API https:\/\/127\.0\.0\.1:6443$/,
    );
  });

  linuxTest('M4 the message names the other process', async () => {
    const other = await otherServer(base);
    await expect(openDataDirectory(base)).rejects.toThrow(
      `${base} is in use by process ${other.pid} since 2026-01-01T00:00:00.000Z`,
    );
  });

  test('M4 of many that start at the same moment exactly one gets it', async () => {
    for (let round = 0; round < 3; round++) {
      const results = await Promise.allSettled(Array.from({ length: 6 }, () => openDataDirectory(base)));
      const winners = results.filter((result) => result.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      winners[0]?.value.release();
    }
  });

  linuxTest('M4 a server that was killed never blocks the next one', async () => {
    const other = await otherServer(base);
    await expect(openDataDirectory(base)).rejects.toThrow('is in use');
    other.kill('SIGKILL');
    await new Promise((resolve) => other.once('exit', resolve));
    await open(base);
  });

  test('M4 what a lock file says is nothing without the lock: a process id may have a new owner', async () => {
    const holder = { pid: process.ppid, since: '2026-01-01T00:00:00.000Z', identity: processIdentity(process.ppid) };
    fs.writeFileSync(path.join(base, 'lock'), JSON.stringify(holder));
    await open(base);
  });

  test('M4 a lock on a directory that was deleted is the lock of nothing: the next server takes the new one', async () => {
    const first = await openDataDirectory(base);
    const racing = openDataDirectory(base).catch(() => undefined);
    fs.rmSync(base, { recursive: true });
    first.release();
    const second = (await racing) ?? (await openDataDirectory(base));
    held.push(second);
    await expect(openDataDirectory(base)).rejects.toThrow('is in use');
  });

  test('M4 a directory that was released can be taken again', async () => {
    const first = await openDataDirectory(base);
    first.release();
    await open(base);
  });
});

describe('removing the data', () => {
  test('takes the directory away when it was all of it', async () => {
    const directory = path.join(base, 'berth');
    const held = await openDataDirectory(directory);
    for (const name of ['nodes/node-0/volumes/pvc-1', 'store', 'store.replaced-20260101', 'pki'])
      fs.mkdirSync(path.join(directory, name), { recursive: true });
    for (const name of ['kubeconfig', 'berth.log', 'server.log', 'server.log.1'])
      fs.writeFileSync(path.join(directory, name), '');
    writeServerStatus(status(directory));
    expect(removeData(directory)).toBe(true);
    expect(fs.existsSync(directory)).toBe(false);
    held.release();
  });

  test('leaves what is not of Berth, as somebody may have named a directory of theirs', async () => {
    const held = await openDataDirectory(base);
    fs.mkdirSync(path.join(base, 'store'));
    for (const name of ['thesis.md', 'store.yaml', 'nodes.txt']) fs.writeFileSync(path.join(base, name), '');
    expect(removeData(base)).toBe(false);
    expect(fs.readdirSync(base).sort()).toEqual(['nodes.txt', 'store.yaml', 'thesis.md']);
    held.release();
  });
});

describe('the status of the running server', () => {
  test('is read back, and is gone when the directory is released', async () => {
    const directory = await openDataDirectory(base);
    expect(readServerStatus(base)).toBeUndefined();
    writeServerStatus(status(base));
    expect(readServerStatus(base)).toEqual(status(base));
    expect(fs.readdirSync(base).sort()).toEqual(['berth.json', 'lock']);
    directory.release();
    expect(readServerStatus(base)).toBeUndefined();
  });

  linuxTest('of a server that was killed is none', async () => {
    const other = await otherServer(base);
    writeServerStatus(status(base, { pid: other.pid ?? 0 }));
    expect(readServerStatus(base)?.pid).toBe(other.pid);
    other.kill('SIGKILL');
    await new Promise((resolve) => other.once('exit', resolve));
    expect(readServerStatus(base)).toBeUndefined();
  });

  test('is of this directory: a copy of it has no server, and neither has one that is still starting', async () => {
    await open(base);
    const copy = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-copy-'));
    writeServerStatus({ pid: process.pid, dataDir: base });
    expect([readServerStatus(base), serverProcess(base)]).toEqual([undefined, process.pid]);
    writeServerStatus(status(base));
    fs.cpSync(base, copy, { recursive: true });
    const link = `${copy}-link`;
    fs.symlinkSync(base, link);
    expect([readServerStatus(copy), serverProcess(copy)]).toEqual([undefined, undefined]);
    expect(readServerStatus(link)).toEqual(status(base));
    for (const directory of [copy, link]) fs.rmSync(directory, { recursive: true });
  });

  test('that was damaged is none', () => {
    fs.writeFileSync(path.join(base, 'berth.json'), '{"pid": 1');
    expect(readServerStatus(base)).toBeUndefined();
  });
});
