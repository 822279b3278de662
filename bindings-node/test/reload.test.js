'use strict';
// The test runners that reload modules: jest and vitest, as their users run them, over clients that nobody closes.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { spawn } = require('node:child_process');
const service = require('./service');

const RUNNERS = path.join(__dirname, 'runners');
const installed = fs.existsSync(path.join(RUNNERS, 'node_modules', 'jest')) && fs.existsSync(path.join(RUNNERS, 'node_modules', 'vitest'));
const skip = installed ? service.missing : 'jest and vitest are not installed: npm install --prefix bindings-node/test/runners';

/** Runs a runner's command; how it ended and what it said. */
function runner(command, url) {
  const [name, ...args] = command.split(' ');
  const bin = { jest: 'jest/bin/jest.js', vitest: 'vitest/vitest.mjs' }[name];
  const env = { ...process.env, CONFIG_SERVICE_URL: url, JACKSTAFF_LOG: 'off', CI: 'true', NO_COLOR: '1' };
  delete env.NODE_TEST_CONTEXT; // or they would take themselves for a part of this run
  return new Promise((done) => {
    const child = spawn(process.execPath, [path.join(RUNNERS, 'node_modules', bin), ...args], { cwd: RUNNERS, env });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (part) => (out += part));
    const timer = setTimeout(() => child.kill('SIGKILL'), 180_000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ code, signal, out });
    });
  });
}

const COMMANDS = {
  'jest --runInBand': 8,
  'jest --maxWorkers=2': 8,
  'jest --maxWorkers=2 --workerThreads': 8,
  'vitest run --pool=threads': 6,
  'vitest run --pool=forks': 6,
  'vitest run --pool=threads --no-isolate --no-file-parallelism': 6,
};

for (const [command, tests] of Object.entries(COMMANDS)) {
  test(command, { skip }, async (t) => {
    const config = await service.start();
    t.after(() => config.stop());
    const { code, signal, out } = await runner(command, config.url);
    assert.deepEqual([code, signal], [0, null], out);
    assert.match(out, new RegExp(`Tests:?\\s+${tests} passed`), out);
    assert.doesNotMatch(out, /did not exit|failed to exit|Unhandled|open handle|Segmentation/i);
  });
}
