'use strict';
// The native half of the package, and the word by which it says that flags have changed.

const path = require('node:path');

const FILE = path.join(__dirname, '..', 'jackstaff.node');

function load() {
  try {
    return require(FILE);
  } catch (cause) {
    const missing = cause.code === 'MODULE_NOT_FOUND';
    const why = missing ? `${FILE} is not there` : `${FILE} cannot be loaded on ${process.platform}-${process.arch}: ${cause.message}`;
    throw new Error(`jackstaff: ${why}; build it with "npm rebuild jackstaff", or where install scripts are off, "node ${path.join(__dirname, '..', 'scripts', 'build.js')}" (both need cargo)`, { cause });
  }
}

const native = load();

// An ArrayBuffer of its own: a small typed array made directly would live on the JavaScript heap, which moves.
const word = new Uint32Array(new ArrayBuffer(4));
const epochWord = native.epochWord(word);

module.exports = { native, word, epochWord };
