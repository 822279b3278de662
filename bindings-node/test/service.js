'use strict';
// Starts the real config service, where it has been built.

const { spawn } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const ROOT = path.join(__dirname, '..', '..');
const BINARY = process.env.JACKSTAFF_BIN ?? path.join(ROOT, 'target', 'release', 'jackstaff');
const FLAGS = path.join(ROOT, 'examples', 'flags.yaml');

/** Why a test of the real service cannot run; false if it can. A test takes it as its `skip`. */
const missing = fs.existsSync(BINARY) ? false : `${BINARY} has not been built: cargo build --release -p jackstaff-service, or set JACKSTAFF_BIN`;

/** The service on a free port, with the flags of the example. */
async function start(flags = FLAGS) {
  const data = fs.mkdtempSync(path.join(os.tmpdir(), 'jackstaff-data-'));
  const child = spawn(BINARY, ['serve', '--listen', '127.0.0.1:0', '--data', data, '--flags', flags, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', (part) => (log = (log + part).slice(-4000)));
  const ended = new Promise((done) => child.once('exit', done));
  const first = await Promise.race([new Promise((done) => readline.createInterface({ input: child.stdout }).once('line', done)), ended]);
  if (typeof first !== 'string') throw new Error(`the service did not start (${first}): ${log}`);
  const { url } = JSON.parse(first);
  return {
    url,
    /** Changes a flag as it is now. */
    async patch(flag, patch) {
      const place = `${url}/api/v1/flags/${flag}`;
      const etag = (await fetch(place)).headers.get('etag');
      const response = await fetch(place, { method: 'PATCH', headers: { 'content-type': 'application/json', 'if-match': etag }, body: JSON.stringify(patch) });
      if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
      return response.json();
    },
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(timer);
      fs.rmSync(data, { recursive: true, force: true });
    },
  };
}

module.exports = { missing, start };
