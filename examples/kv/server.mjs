// A small replicated key-value store, to show what a StatefulSet is for.
//
//   PUT /KEY   stores the body; any member takes it, the leader decides
//   GET /KEY   answers from this member's own copy
//   GET /      says who this member is and what it knows
//
// The member whose name ends in -0 is the leader, because its name says so: no election, no configuration. The others
// find it through the governing service's DNS name and copy its log into their own volume. Names and volumes outlive
// processes, so any member can be killed at any moment and comes back as itself, with its data.
import dns from 'node:dns/promises';
import fs from 'node:fs';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const { POD_NAME: name, SERVICE: service, POD_IP: address = '0.0.0.0', DATA_DIR: dir = '/data' } = process.env;
// Where pods have to share an address, the node gives each a port of its own; the others read it from the SRV records.
const port = Number(process.env.BERTH_PORT_HTTP ?? 8080);
const isLeader = /-0$/.test(name);
const resolver = new dns.Resolver({ timeout: 1000, tries: 2 });
// Where a pod cannot have a resolv.conf of its own, the node says where its names are served.
if (process.env.BERTH_DNS_SERVER) resolver.setServers([process.env.BERTH_DNS_SERVER]);

// --- The log: one JSON line for each write, on disk before it is acknowledged. -------------------------------------
const file = fs.openSync(`${dir}/log.jsonl`, 'a+');
const log = [];
const values = new Map();
const followers = new Set();

function load() {
  const text = fs.readFileSync(`${dir}/log.jsonl`, 'utf8');
  const whole = text.slice(0, text.lastIndexOf('\n') + 1); // a line that a crash cut short was never acknowledged
  if (whole.length < text.length) fs.ftruncateSync(file, Buffer.byteLength(whole));
  for (const line of whole.split('\n').filter(Boolean)) remember(JSON.parse(line));
}

function remember(entry) {
  log.push(entry);
  values.set(entry.key, entry.value);
}

function append(entry) {
  fs.writeSync(file, `${JSON.stringify(entry)}\n`);
  fs.fdatasyncSync(file);
  remember(entry);
  for (const follower of followers) follower.write(`${JSON.stringify(entry)}\n`);
}

// --- Finding the others: from the governing name alone. -------------------------------------------------------------
async function members() {
  const records = await resolver.resolveSrv(`_http._tcp.${service}`).catch(() => []);
  return records.map((record) => ({ name: record.name.split('.')[0], host: record.name, port: record.port }));
}

async function findLeader() {
  const leader = (await members()).find((member) => /-0$/.test(member.name));
  if (!leader) throw new Error(`no member -0 is ready under ${service}`);
  const [host] = await resolver.resolve4(leader.host);
  return { host, port: leader.port };
}

// --- Following: read the leader's log from where ours ends, for as long as the connection lasts. --------------------
let ready = isLeader;
let following = isLeader ? 'is the leader' : 'looking for the leader';

async function follow() {
  for (;;) {
    try {
      const leader = await findLeader();
      for await (const line of lines(await get(leader, `/_log?after=${log.length}`))) {
        const entry = JSON.parse(line);
        if (entry.sequence > log.length) append(entry);
        if (entry.length < log.length)
          throw new Error(`the leader has ${entry.length} writes, this member ${log.length}: its volume was lost`);
        if (entry.length === log.length) ready = true; // honest: only a member that has all there was is ready
        following = `follows ${leader.host}:${leader.port}`;
      }
      following = 'the leader ended the connection';
    } catch (error) {
      following = error.message;
    }
    await sleep(200);
  }
}

function get(to, path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ ...to, path, timeout: 3000 }, resolve);
    request.on('timeout', () => request.destroy(new Error('the leader is silent')));
    request.on('error', reject);
  });
}

async function* lines(stream) {
  let rest = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop();
    yield* parts;
  }
}

// --- Answering. -------------------------------------------------------------------------------------------------------
const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://kv');
  const answer = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  const key = decodeURIComponent(url.pathname.slice(1));
  if (url.pathname === '/_ready') return answer(ready ? 200 : 503, { ready, following });
  if (url.pathname === '/_log') {
    for (const entry of log.slice(Number(url.searchParams.get('after')))) response.write(`${JSON.stringify(entry)}\n`);
    const tell = () => response.write(`${JSON.stringify({ length: log.length })}\n`); // also shows that we are alive
    tell();
    followers.add(response);
    const timer = setInterval(tell, 1000);
    return response.on('close', () => clearInterval(timer) ?? followers.delete(response));
  }
  if (request.method === 'GET' && key === '') {
    return answer(200, {
      name,
      leader: isLeader,
      ready,
      following,
      writes: log.length,
      members: (await members()).map((m) => m.name).sort(),
    });
  }
  if (request.method === 'GET')
    return values.has(key)
      ? answer(200, { key, value: values.get(key), from: name })
      : answer(404, { key, error: 'no such key' });
  if (request.method !== 'PUT' || key === '') return answer(405, { error: 'PUT /KEY, GET /KEY or GET /' });
  if (!isLeader) {
    // Hand it to the leader; the copy comes back through the log.
    const to = await findLeader().catch((error) => answer(503, { error: error.message }) && undefined);
    if (!to) return;
    const forwarded = http.request(
      { ...to, method: 'PUT', path: request.url },
      (reply) => response.writeHead(reply.statusCode, reply.headers) && reply.pipe(response),
    );
    forwarded.on('error', (error) => answer(503, { error: error.message }));
    return request.pipe(forwarded);
  }
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  append({ sequence: log.length + 1, key, value: Buffer.concat(chunks).toString() });
  answer(200, { key, written: log.length, by: name });
});

load();
server.listen(port, address, () =>
  console.log(`${name} listens on ${address}:${port} with ${log.length} writes in ${dir}`),
);
if (!isLeader) follow();
process.on('SIGTERM', () => {
  console.log(`${name} ends with ${log.length} writes`);
  process.exit(0); // every acknowledged write is on disk already
});
