'use strict';
// Processes and threads of every kind, in the middle of calls, against the real config service.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { PACKAGE, guide, json, run, serve } = require('./support');
const service = require('./service');

const skip = service.missing;
/** What a child process begins with: a client that evaluates here and one that asks, both in use. */
const BEGIN = `
  const FeatureFlagsClient = require('.');
  const options = { configServiceUrl: process.env.URL, environment: 'production' };
  const local = new FeatureFlagsClient(options);
  const remote = new FeatureFlagsClient({ ...options, evaluation: 'remote', cacheTtl: 0, timeout: 20 });
  let rejections = 0;
  process.on('unhandledRejection', (error) => { rejections += 1; console.log('unhandled', error); });
`;

test('cluster workers have clients of their own, and hear of changes', { skip }, async (t) => {
  const config = await service.start();
  t.after(() => config.stop());
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'jackstaff-')), 'cluster.js'); // workers run a file
  fs.writeFileSync(file, `
    const cluster = require('node:cluster');
    if (cluster.isPrimary) {
      cluster.setupPrimary({ exec: __filename });
      ${BEGIN}
      (async () => {
        await local.ready(30);
        console.log('primary', await local.isEnabled('new_ui', 'user123'));
        const workers = [1, 2, 3].map(() => cluster.fork());
        const said = new Map();
        const all = async (value) => {
          const end = Date.now() + 60_000;
          while (![...workers].every((worker) => said.get(worker.id) === value)) {
            if (Date.now() > end) throw new Error('not all workers said ' + value + ': ' + JSON.stringify([...said]));
            await new Promise((next) => setTimeout(next, 10));
          }
        };
        cluster.on('message', (worker, value) => said.set(worker.id, value));
        await all(true);
        const place = process.env.URL + '/api/v1/flags/new_ui';
        const etag = (await fetch(place)).headers.get('etag');
        const patched = await fetch(place, { method: 'PATCH', headers: { 'content-type': 'application/json', 'if-match': etag }, body: '{"enabled":false}' });
        if (!patched.ok) throw new Error(await patched.text());
        await all(false);
        const codes = Promise.all(workers.map((worker) => new Promise((done) => worker.once('exit', done))));
        workers.forEach((worker) => worker.send('end'));
        console.log('workers', ...await codes);
      })();
    } else {
      ${BEGIN}
      const timer = setInterval(async () => {
        const answers = [local.isEnabledSync('new_ui', 'user123'), await local.isEnabled('new_ui', 'user123'), await remote.isEnabled('new_ui', 'user123')];
        process.send(answers.every((answer) => answer === answers[0]) ? answers[0] : null);
      }, 20);
      process.on('message', () => { clearInterval(timer); process.disconnect(); }); // and the open clients do not keep it
    }`.replaceAll("require('.')", `require(${JSON.stringify(PACKAGE)})`));
  const { code, out, err } = await run(`require(${JSON.stringify(file)})`, { seconds: 120, env: { URL: config.url } });
  fs.rmSync(path.dirname(file), { recursive: true });
  assert.deepEqual([code, out], [0, 'primary true\nworkers 0 0 0\n'], err);
});

test('workers that are terminated in the middle of calls harm nobody', { skip }, async (t) => {
  const config = await service.start();
  t.after(() => config.stop());
  const { code, signal, out, err } = await run(`
    const { Worker, isMainThread, parentPort } = require('node:worker_threads');
    const BUSY = ${JSON.stringify(`
      const { parentPort, workerData } = require('node:worker_threads');
      ${BEGIN}
      const logged = new FeatureFlagsClient({ ...options, logger: { warn() {}, info() {} } });
      logged.onChange(() => {});
      const work = async (number) => {
        for (let n = 0; ; n += 1) {
          await remote.isEnabled('new_ui', 'u' + number + n);
          await remote.batchEvaluate(['new_ui', 'dark_mode'], 'v' + n);
          remote.isEnabledSync('new_ui', 'w' + n);
          logged.isEnabledSync('no_such_' + n, 'u');
          local.context('u' + n).isEnabledSync('new_ui');
          local.ready(10).catch(() => {});
          if (n === 3) parentPort.postMessage('busy');
        }
      };
      for (let number = 0; number < 8; number += 1) work(number);
    `)};
    ${BEGIN}
    (async () => {
      await local.ready(30);
      for (let round = 0; round < 6; round += 1) {
        const workers = [1, 2, 3, 4].map(() => new Worker(BUSY, { eval: true, stdout: true, stderr: true }));
        await Promise.all(workers.map((worker) => new Promise((done) => worker.once('message', done))));
        await Promise.all(workers.map((worker) => worker.terminate()));
        if (await remote.isEnabled('new_ui', 'user123') !== true || local.isEnabledSync('new_ui', 'user123') !== true) throw new Error('round ' + round);
      }
      console.log('end', rejections);
    })();`, { seconds: 120, env: { URL: config.url } });
  assert.deepEqual([code, signal, out], [0, null, 'end 0\n'], err);
});

const ENDINGS = {
  'by process.exit': "process.exit(0);",
  'by process.exit with listeners that check': "process.on('exit', () => { if (local.isEnabledSync('new_ui', 'user123') !== true) process.exitCode = 9; }); process.exit();",
  'by beforeExit': "process.once('beforeExit', async () => { await remote.isEnabled('new_ui', 'user123'); });",
  'by closing in the middle': 'await Promise.all([local.close(), remote.close()]); if (await remote.isEnabled(\'new_ui\', \'u\', true) !== true) process.exitCode = 9;',
  'by letting everything go': 'return;',
};

for (const [ending, script] of Object.entries(ENDINGS)) {
  test(`guide flaw 59: a process with calls under way ends ${ending}`, { skip }, async (t) => {
    const config = await service.start();
    t.after(() => config.stop());
    const { code, signal, out, err } = await run(`${BEGIN}
      (async () => {
        local.onChange(() => {});
        await local.ready(30);
        for (let n = 0; n < 50; n += 1) {
          remote.isEnabled('new_ui', 'u' + n);
          remote.evaluate('new_ui', 'u' + n);
          remote.isEnabledSync('new_ui', 'v' + n);
        }
        console.log('under way');
        ${script}
      })();`, { seconds: 60, env: { URL: config.url } });
    assert.deepEqual([code, signal, out], [0, null, 'under way\n'], err);
  });
}

test('guide flaw 18: no rejection is ever unhandled, whatever the service does', async () => {
  const answers = guide({ new_ui: { enabled: true } });
  let turn = 0;
  const bad = await serve((request, response, body) => {
    turn += 1;
    switch (turn % 6) {
      case 0: return request.socket.destroy();
      case 1: response.writeHead(200, { 'content-type': 'text/html' }); return response.end('<html>please log in</html>');
      case 2: return json(response, {}, 503);
      case 3: response.writeHead(200, { 'content-length': '500' }); response.write('{"enabled": tr'); return request.socket.destroy();
      case 4: return undefined; // never
      default: return answers(request, response, body);
    }
  });
  const { code, out, err } = await run(`
    const FeatureFlagsClient = require('.');
    let rejections = 0;
    process.on('unhandledRejection', () => { rejections += 1; });
    (async () => {
      for (const evaluation of ['auto', 'local', 'remote']) {
        const client = new FeatureFlagsClient({ configServiceUrl: process.env.URL, environment: 'test', evaluation, timeout: 0.3, cacheTtl: 0, logger: { warn() { throw new Error('a logger of its own trouble'); } } });
        const found = await Promise.all(Array.from({ length: 60 }, (_, n) => [client.isEnabled('new_ui', 'u' + n), client.batchEvaluate(['new_ui', 'other'], 'u' + n), client.evaluate('new_ui', 'u' + n)]).flat());
        if (found.length !== 180) throw new Error('not all were answered');
        client.isEnabled('new_ui', 'nobody waits'); client.evaluate('new_ui', 'for these');
        for (let n = 0; n < 20; n += 1) client.isEnabledSync('new_ui', 's' + n);
        await client.close();
      }
      await new Promise((next) => setTimeout(next, 400));
      console.log('end', rejections);
    })();`, { seconds: 90, env: { URL: bad.url } });
  await bad.close();
  assert.deepEqual([code, out], [0, 'end 0\n'], err);
});
