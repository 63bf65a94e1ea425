#!/usr/bin/env node
const module_ = require('node:module');
const v8 = require('node:v8');
const { file, readCompiled, readSource, runScript } = require('./program.js');

// Functions are optimized when they have run eight times as often as usual: nearly all of them run a few thousand
// times in the first second of a busy server, and to optimize them all takes a core for more than that second. V8 takes
// compiled code only under the flags it was compiled with, so this comes first, for every command.
v8.setFlagsFromString('--interrupt-budget=540672');

// To compile the program takes a third of the time until the API answers. So the build keeps the code that V8 made of it
// in a run (scripts/compile.mjs).
const source = readSource();
const compiled = readCompiled(source);
if (compiled) {
  runScript(source, compiled);
} else {
  module_.enableCompileCache?.(); // another Node than at the build: 22 and newer keep it themselves, where they may write
  require(file);
}

// What runs for longer than that is a server and will run for long: from now on what is busy is optimized four times as
// soon, which pays for itself within some 2,000 requests.
setTimeout(() => v8.setFlagsFromString('--interrupt-budget=135168'), 10_000).unref();
