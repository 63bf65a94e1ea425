/* A server of its own process for a benchmark, and a client that costs little. */
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

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

/** A client of a server's API with that many connections. */
export class Client {
  #server;
  #agent;

  constructor(server, connections = 64) {
    this.#server = server;
    this.#agent = new https.Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });
  }

  #request(method, path, headers = {}) {
    const { port, token } = this.#server;
    return {
      host: '127.0.0.1',
      port,
      method,
      path,
      rejectUnauthorized: false,
      headers: { authorization: `Bearer ${token}`, ...headers },
    };
  }

  /** The answer's bytes. Rejects when it says that something is wrong. */
  send(method, path, body, { type = 'application/json', accept = 'application/json' } = {}) {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = { accept, ...(bytes && { 'content-type': type, 'content-length': bytes.length }) };
    return new Promise((resolve, reject) => {
      const request = https.request({ ...this.#request(method, path, headers), agent: this.#agent }, (response) => {
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => {
          const answer = Buffer.concat(chunks);
          if (response.statusCode < 400) resolve(answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.toString().slice(0, 300)}`));
        });
      });
      request.on('error', reject);
      request.end(bytes);
    });
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
      const request = https.get({ ...this.#request('GET', path), agent: false }, (response) => {
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
    this.#agent.destroy();
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
