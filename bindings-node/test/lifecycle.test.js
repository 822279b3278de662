'use strict';
// How a client lives with its process, its threads and its module.

const test = require('node:test');
const assert = require('node:assert/strict');
const { Worker } = require('node:worker_threads');
const fs = require('node:fs');
const { DOCUMENT, PACKAGE, json, run, serve, until } = require('./support');
const FeatureFlagsClient = require('..');

const AWAY = 'http://127.0.0.1:1'; // nothing listens there

test('making a client connects to nothing', async () => {
  const service = await serve((request, response) => json(response, {}, 500));
  const client = new FeatureFlagsClient({ configServiceUrl: service.url, environment: 'test' });
  await new Promise((done) => setTimeout(done, 150));
  assert.equal(service.requests.length, 0);
  client.isEnabledSync('new_ui', 'u1');
  await until(() => service.requests.length > 0);
  await client.close();
  await service.close();
});

test('a process ends although a client is open, started, listened to and failing', async () => {
  const { code, ms, out, err } = await run(`
    const FeatureFlagsClient = require('.');
    const client = new FeatureFlagsClient({ configServiceUrl: '${AWAY}', environment: 'test' });
    client.onChange(() => {});
    client.context('u').isEnabledSync('new_ui');
    client.isEnabled('new_ui', 'u1', true).then((answer) => console.log(answer));
    const file = FeatureFlagsClient.fromObject(${JSON.stringify(DOCUMENT)}, { environment: 'test' });
    file.onChange(() => {});
    console.log(file.isEnabledSync('new_ui', 'u1'));`);
  assert.deepEqual([code, out], [0, 'true\ntrue\n'], err);
  assert.ok(ms < 5000, `${ms} ms`);
});

test('a pending check keeps the process until its deadline, no longer', async () => {
  const service = await serve(() => {}); // never answers
  const { code, ms, out, err } = await run(`
    const FeatureFlagsClient = require('.');
    const client = new FeatureFlagsClient({ configServiceUrl: '${service.url}', environment: 'test', timeout: 0.4 });
    (async () => console.log(await client.isEnabled('new_ui', 'u1', true)))();`);
  await service.close();
  assert.deepEqual([code, out], [0, 'true\n'], err);
  assert.ok(ms >= 400 && ms < 5000, `${ms} ms`);
});

test('process.exit with a check under way is clean', async () => {
  const service = await serve(() => {});
  const { code, signal } = await run(`
    const FeatureFlagsClient = require('.');
    const client = new FeatureFlagsClient({ configServiceUrl: '${service.url}', environment: 'test' });
    client.isEnabled('new_ui', 'u1');
    client.onChange(() => {});
    setTimeout(() => process.exit(7), 50);`);
  await service.close();
  assert.deepEqual([code, signal], [7, null]);
});

const WORKER = `
  const { parentPort, workerData } = require('node:worker_threads');
  const FeatureFlagsClient = require(workerData.path);
  const client = FeatureFlagsClient.fromObject(workerData.document, { environment: 'test' });
  const remote = new FeatureFlagsClient({ configServiceUrl: workerData.url, environment: 'test' });
  client.onChange(() => {});
  remote.onChange(() => {});
  const context = client.context('u1', { plan: 'pro' });
  (async () => {
    let on = 0;
    for (let n = 0; n < 2000; n += 1) {
      on += client.isEnabledSync('new_ui', 'u' + n) && await client.isEnabled('new_ui', 'u' + n) && context.isEnabledSync('beta');
    }
    const waiting = remote.isEnabled('new_ui', 'u1', true);
    if (!workerData.stay) on += await waiting;
    parentPort.postMessage(on);
    if (workerData.stay) setInterval(() => context.isEnabledSync('new_ui'), 1);
  })();`;

const worker = (url, stay) => new Worker(WORKER, { eval: true, workerData: { path: PACKAGE, document: DOCUMENT, url, stay } });

test('worker threads have clients of their own, and end', async () => {
  const ended = await Promise.all([1, 2, 3].map(async () => {
    const thread = worker(AWAY, false);
    const said = new Promise((done) => thread.once('message', done));
    const code = new Promise((done, fail) => thread.once('exit', done).once('error', fail));
    return [await said, await code];
  }));
  assert.deepEqual(ended, [[2001, 0], [2001, 0], [2001, 0]]);
});

test('a worker that is terminated takes its clients along and harms nobody', async () => {
  // The only user of the addon in its process, so that its end may unload the addon under the feet of the background thread.
  const service = await serve(() => {});
  const { code, signal, out, err } = await run(`
    const { Worker } = require('node:worker_threads');
    (async () => {
      for (let n = 0; n < 3; n += 1) {
        const thread = new Worker(${JSON.stringify(WORKER)}, { eval: true, workerData: { path: ${JSON.stringify(PACKAGE)}, document: ${JSON.stringify(DOCUMENT)}, url: '${service.url}', stay: true } });
        await new Promise((done) => thread.once('message', done));
        console.log(await thread.terminate());
      }
      await new Promise((done) => setTimeout(done, 300));
      console.log('end');
    })();`);
  await service.close();
  assert.deepEqual([code, signal, out], [0, null, '1\n1\n1\nend\n'], err);
});

test('a change reaches the main thread and a worker, whose contexts then ask again', async () => {
  const folder = fs.mkdtempSync(`${require('node:os').tmpdir()}/jackstaff-`);
  const file = `${folder}/flags.json`;
  fs.writeFileSync(file, JSON.stringify(DOCUMENT));
  const thread = new Worker(`
    const { parentPort, workerData } = require('node:worker_threads');
    const client = require(workerData.path).fromFile(workerData.file, { environment: 'test', pollInterval: 0.05 });
    const context = client.context('u1');
    parentPort.postMessage(context.isEnabledSync('new_ui'));
    const timer = setInterval(() => { if (!context.isEnabledSync('new_ui')) { parentPort.postMessage(false); clearInterval(timer); } }, 5);`,
  { eval: true, workerData: { path: PACKAGE, file } });
  const client = FeatureFlagsClient.fromFile(file, { environment: 'test', pollInterval: 0.05 });
  const context = client.context('u1');
  const said = [];
  thread.on('message', (answer) => said.push(answer));
  const ended = new Promise((done) => thread.once('exit', done));
  await until(() => said.length === 1);
  assert.deepEqual([said[0], context.isEnabledSync('new_ui')], [true, true]);
  fs.writeFileSync(file, JSON.stringify({ ...DOCUMENT, flags: { ...DOCUMENT.flags, new_ui: { type: 'boolean', fallthrough: 'off' } } }));
  await until(() => said.length === 2 && !context.isEnabledSync('new_ui'));
  assert.equal(await ended, 0);
  await client.close();
});

test('the module can be loaded again, as test runners do', () => {
  const first = FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test' });
  const context = first.context('u1');
  assert.equal(context.isEnabledSync('new_ui'), true);
  for (const name of Object.keys(require.cache)) if (name.startsWith(PACKAGE) && !name.includes(`${PACKAGE}/test`)) delete require.cache[name];
  const Again = require('..');
  assert.notEqual(Again, FeatureFlagsClient);
  const second = Again.fromObject(DOCUMENT, { environment: 'test' });
  assert.equal(second.isEnabledSync('new_ui', 'u'), true);
  assert.equal(second.context('u').isEnabledSync('new_ui'), true);
  assert.equal(first.isEnabledSync('new_ui', 'u'), true);
  assert.equal(context.isEnabledSync('new_ui'), true);
});

test('clients that are dropped are collected, with their background tasks', async () => {
  const { code, out, err } = await run(`
    const FeatureFlagsClient = require('.');
    const document = ${JSON.stringify(DOCUMENT)};
    for (let n = 0; n < 5000; n += 1) document.flags['flag_' + n] = { type: 'string', variants: { a: 'a'.repeat(500) }, fallthrough: 'a' };
    const round = async (times) => {
      for (let n = 0; n < times; n += 1) {
        const client = FeatureFlagsClient.fromObject(document, { environment: 'test' });
        client.isEnabledSync('new_ui', 'u');
        client.context('u').isEnabledSync('new_ui');
      }
      for (let n = 0; n < 5; n += 1) { global.gc(); await new Promise((next) => setTimeout(next, 20)); }
      return process.memoryUsage().rss / 1e6;
    };
    (async () => {
      await round(10);
      const before = await round(10);
      let after;
      for (let n = 0; n < 4; n += 1) after = await round(10); // 40 clients of 4.6 MB each, if they stayed
      console.log(after - before < 60 ? 'bounded' : before + ' MB, then ' + after + ' MB');
    })();`, { args: ['--expose-gc'], seconds: 60 });
  assert.deepEqual([code, out], [0, 'bounded\n'], err);
});
