const fs = require('node:fs');
const { createRequire, wrap } = require('node:module');
const path = require('node:path');
const { Script } = require('node:vm');
const { crc32 } = require('node:zlib');

/** The program of the command line, one file. */
const file = path.join(__dirname, '..', 'dist', 'bin', 'berth.cjs');
const CHECKSUM_BYTES = 4;

/** The program's text, as bytes. */
function readSource() {
  return fs.readFileSync(file);
}

/**
 * Where the code is that V8 compiled of the program. V8 itself compares versions, flags and the length of the program, and
 * trusts the rest. So the name tells for which Node and of which program it is, and the end has a checksum.
 */
function compiledFile(source) {
  return `${file}.${process.version}-${process.arch}-${crc32(source).toString(16)}`;
}

/** What V8 once compiled of the program, or undefined: never made for this Node, not to be read, or damaged. */
function readCompiled(source) {
  let bytes;
  try {
    bytes = fs.readFileSync(compiledFile(source));
  } catch {
    return undefined;
  }
  const end = bytes.length - CHECKSUM_BYTES;
  if (end <= 0) return undefined;
  const compiled = bytes.subarray(0, end);
  return crc32(compiled) === bytes.readUInt32LE(end) ? compiled : undefined;
}

/** Keeps what V8 has compiled of the program until now. */
function writeCompiled(source, script) {
  const compiled = script.createCachedData();
  const checksum = Buffer.alloc(CHECKSUM_BYTES);
  checksum.writeUInt32LE(crc32(compiled));
  const to = compiledFile(source);
  // As a whole or not at all.
  fs.writeFileSync(`${to}.new`, Buffer.concat([compiled, checksum]));
  fs.renameSync(`${to}.new`, to);
}

/** Runs the program; what V8 does not take of `compiled` it compiles anew. */
function runScript(source, compiled) {
  const script = new Script(wrap(source.latin1Slice()), { filename: file, cachedData: compiled });
  const program = { exports: {} };
  script.runInThisContext()(program.exports, createRequire(file), program, file, path.dirname(file));
  return script;
}

module.exports = { file, readSource, readCompiled, runScript, writeCompiled };
