'use strict';
// The raw functions of the addon, called with what no JavaScript of ours would let through.

const test = require('node:test');
const assert = require('node:assert/strict');
const path = require('node:path');
const { spawnSync } = require('node:child_process');

test('the addon survives any arguments', () => {
  const ended = spawnSync(process.execPath, [path.join(__dirname, 'fuzz.js'), process.env.JACKSTAFF_FUZZ_SECONDS ?? '4'], { encoding: 'utf8', timeout: 300_000 });
  assert.equal(ended.signal, null, `${ended.stdout}\n${ended.stderr}`);
  assert.equal(ended.status, 0, `${ended.stdout}\n${ended.stderr}`);
  console.log(ended.stdout.trim());
});
