/* A server of its own process for a benchmark, and a client of its API. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { Connection } from './connection.mjs';

const BERTH = path.join(import.meta.dirname, '..', '..', 'bin', 'berth.js');

/** Runs `work` with the path of a new directory, which is gone afterwards. */
export async function inNewDirectory(work) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'berth-bench-'));
  try {
    return await work(directory);
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}

function freePort() {
  return new Promise((resolve) => {
    const server = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Whether /readyz of a server that may not be there yet says that it is ready. */
function isReady(port) {
  return new Promise((resolve) => {
    const request = https.get({ port, host: '127.0.0.1', path: '/readyz', rejectUnauthorized: false, agent: false });
    request.on('response', (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('error', () => resolve(false));
  });
}

/** `berth up --nodes 0`; resolves when /readyz answers, with how long that took since the process was asked for. */
export async function startServer(directory) {
  const port = await freePort();
  // Not ours, and 100 ms of every Node process where it is set.
  const { NODE_EXTRA_CA_CERTS: _, ...env } = process.env;
  const begin = performance.now();
  const args = ['up', '--nodes', '0', '--data-dir', directory, '--api-port', String(port), '--dns-port', '0'];
  const child = spawn(process.execPath, [BERTH, ...args], { env, stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  while (!(await isReady(port))) {
    if (child.exitCode !== null) throw new Error(`the server ended: ${complaints}`);
    await pause(2);
  }
  const startMs = performance.now() - begin;
  const kubeconfig = path.join(directory, 'kubeconfig');
  while (!fs.existsSync(kubeconfig)) await pause(2);
  const token = /token: (\S+)/.exec(fs.readFileSync(kubeconfig, 'utf8'))[1];
  const stop = () => {
    child.kill('SIGINT');
    return ended;
  };
  return { port, token, startMs, pid: child.pid, stop };
}

/** Megabytes that a process has in memory (Linux). */
export function residentMb({ pid }) {
  return Number(/VmRSS:\s+(\d+)/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}

/** Milliseconds of processor time that a process has taken so far (Linux). */
export function processorMs({ pid }) {
  const fields = fs.readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** A client of a server's API with at most that many connections. */
export class Client {
  #server;
  #most;
  #free = [];
  #all = [];
  #waiting = [];

  constructor(server, connections = 64) {
    this.#server = server;
    this.#most = connections;
  }

  /** The answer's bytes. Rejects when it says that something is wrong. */
  async send(method, path, body, { type = 'application/json', accept = 'application/json' } = {}) {
    const head = `${method} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer ${this.#server.token}\r\naccept: ${accept}\r\n`;
    const connection = this.#take() ?? (await new Promise((resolve) => this.#waiting.push(resolve)));
    const answer =
      body === undefined
        ? connection.send(head)
        : connection.send(`${head}content-type: ${type}\r\n`, JSON.stringify(body));
    const { code, body: bytes } = await answer.finally(() => this.#release(connection));
    if (code < 400) return bytes;
    throw new Error(`${method} ${path}: ${code} ${bytes.toString().slice(0, 300)}`);
  }

  #take() {
    const free = this.#free.pop();
    if (free !== undefined || this.#all.length === this.#most) return free;
    const connection = new Connection(this.#server.port);
    this.#all.push(connection);
    return connection;
  }

  #release(connection) {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(connection);
    else next(connection);
  }

  merge(path, body) {
    return this.send('PATCH', path, body, { type: 'application/merge-patch+json' });
  }

  async get(path) {
    return JSON.parse(await this.send('GET', path));
  }

  /** Calls `onLines` with the lines that have come; resolves with how to end it when the server has taken the watch. */
  watch(path, onLines) {
    return new Promise((resolve, reject) => {
      const { port, token } = this.#server;
      const headers = { authorization: `Bearer ${token}` };
      const options = { host: '127.0.0.1', port, path, headers, rejectUnauthorized: false, agent: false };
      const request = https.get(options, (response) => {
        let rest = '';
        response.setEncoding('utf8');
        response.on('data', (chunk) => {
          const lines = (rest + chunk).split('\n');
          rest = lines.pop();
          if (lines.length > 0) onLines(lines);
        });
        response.on('error', () => {});
        resolve(() => request.destroy());
      });
      request.on('error', reject);
    });
  }

  close() {
    for (const connection of this.#all) connection.close();
  }
}

/** Works on all items, so many at once. */
export async function each(items, concurrency, work) {
  const queue = items[Symbol.iterator]();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}
