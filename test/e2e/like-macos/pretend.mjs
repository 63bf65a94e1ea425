// Imported before everything else, by `NODE_OPTIONS`: makes Node's answers those it gives on macOS.
import { spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import module from 'node:module';
import net from 'node:net';

Object.defineProperty(process, 'platform', { value: 'darwin' });
// Linux tells it in /proc.
process.execPath = '/opt/homebrew/bin/node';

// The libraries' native parts are Linux' all the same.
const { _resolveFilename: resolve } = module;
module._resolveFilename = (request, ...rest) => resolve(request.replace(/^(@lmdb\/lmdb)-darwin/, '$1-linux'), ...rest);

// Of 127.0.0.0/8 there is one address.
const missing = (host) => /^127\./.test(host ?? '') && host !== '127.0.0.1';
const { listen } = net.Server.prototype;
net.Server.prototype.listen = function (...args) {
  const { host } = typeof args[0] === 'object' ? args[0] : { host: args[1] };
  if (!missing(host)) return listen.apply(this, args);
  process.nextTick(() => this.emit('error', notAvailable('listen', host)));
  return this;
};
const { bind } = dgram.Socket.prototype;
dgram.Socket.prototype.bind = function (...args) {
  const host = typeof args[0] === 'object' ? args[0].address : args[1];
  if (!missing(host)) return bind.apply(this, args);
  process.nextTick(() => this.emit('error', notAvailable('bind', host)));
  return this;
};

function notAvailable(syscall, address) {
  return Object.assign(new Error(`${syscall} EADDRNOTAVAIL: address not available ${address}`), {
    code: 'EADDRNOTAVAIL',
    syscall,
    address,
  });
}

// open(2) locks what it opens when asked to.
const O_EXLOCK = 0x20;
const { openSync } = fs;
fs.openSync = (file, flags, ...rest) => {
  if (typeof flags !== 'number' || (flags & O_EXLOCK) === 0) return openSync(file, flags, ...rest);
  const descriptor = openSync(file, flags & ~O_EXLOCK, ...rest);
  const stdio = ['ignore', 'ignore', 'ignore', descriptor];
  if (spawnSync(`${process.env.LIKE_MACOS}/usr/bin/flock`, ['-n', '3'], { stdio }).status === 0) return descriptor;
  fs.closeSync(descriptor);
  throw Object.assign(new Error(`EAGAIN: resource temporarily unavailable, open '${file}'`), { code: 'EAGAIN' });
};
