'use strict';
// Starts the guide's Express service against a config service, and asks for dashboards.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { createHmac } = require('node:crypto');
const http = require('node:http');
const path = require('node:path');
const readline = require('node:readline');
const { spawn } = require('node:child_process');
const { missing, start } = require('../../../bindings-node/test/service');

/** The example as a process, with its URL. */
async function example(env, program = 'server.js') {
  const child = spawn(process.execPath, [path.join(__dirname, '..', program)], { env: { ...process.env, PORT: '0', ...env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', (code) => done(code)));
  const url = await Promise.race([new Promise((done) => readline.createInterface({ input: child.stdout }).once('line', done)), ended]);
  const dashboard = async (user) => {
    const response = await fetch(`${url}/api/users/${encodeURIComponent(user)}/dashboard`, { headers: { connection: 'close' } });
    assert.equal(response.status, 200);
    return response.json();
  };
  const stop = () => {
    child.kill('SIGTERM');
    return ended;
  };
  return { url, dashboard, stop };
}

test('the program is the guide\'s, but for the require and the lines that start it', () => {
  const source = fs.readFileSync(path.join(__dirname, '..', 'server.js'), 'utf8');
  const [guide] = source.split('\n// The guide leaves');
  assert.equal(guide.replace("require('jackstaff/featureFlagsClient')", "require('./featureFlagsClient')"), GUIDE);
});

test('dashboards follow the flags, and a change of them', { skip: missing }, async (t) => {
  const service = await start();
  t.after(() => service.stop());
  const app = await example({ CONFIG_SERVICE_URL: service.url, ENVIRONMENT: 'production' });
  t.after(() => app.stop());
  const first = await app.dashboard('user123');
  assert.equal(first.template, 'new_dashboard');
  assert.equal(typeof first.darkMode, 'boolean');
  assert.equal((await app.dashboard('user-with-old-browser')).template, 'old_dashboard');
  await service.patch('new_ui', { enabled: false });
  const end = Date.now() + 5000;
  while ((await app.dashboard('user123')).template !== 'old_dashboard') assert.ok(Date.now() < end, 'the change did not arrive within 5 s');
  const last = await app.dashboard('user123');
  await service.stop();
  assert.deepEqual(await app.dashboard('user123'), last, 'the config service is gone, and the flags stay');
  assert.equal(await app.stop(), 0);
});

test('dashboards are served while the config service hangs or fails', async (t) => {
  for (const answer of [() => {}, (request, response) => response.writeHead(500).end('<html>')]) {
    const server = http.createServer(answer);
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    t.after(() => (server.close(), server.closeAllConnections()));
    const app = await example({ CONFIG_SERVICE_URL: `http://127.0.0.1:${server.address().port}`, ENVIRONMENT: 'production' });
    assert.deepEqual(await app.dashboard('user123'), { template: 'old_dashboard', darkMode: false });
    assert.equal(await app.stop(), 0);
  }
});

const session = (user) => `Bearer ${user}.${createHmac('sha256', 'for tests').update(user).digest('hex')}`;

test('guide_flaw_55 nobody is served as somebody else', { skip: missing }, async (t) => {
  const service = await start();
  t.after(() => service.stop());
  const app = await example({ CONFIG_SERVICE_URL: service.url, ENVIRONMENT: 'production', SESSION_KEY: 'for tests' }, 'authenticated.js');
  t.after(() => app.stop());
  const ask = (authorization) => fetch(`${app.url}/api/users/user123/dashboard`, { headers: { connection: 'close', ...(authorization === undefined ? {} : { authorization }) } });
  const mine = await ask(session('user123'));
  assert.equal(mine.status, 200);
  assert.equal((await mine.json()).template, 'new_dashboard');
  assert.equal((await ask(session('somebody'))).status, 403);
  for (const forged of [undefined, '', 'Bearer ', 'Bearer user123', 'Bearer user123.', 'Bearer user123.00', `${session('user12')}3`]) {
    assert.equal((await ask(forged)).status, 401, forged);
  }
});

test('guide_flaw_66 a dashboard asks the service once for all its flags', async (t) => {
  const asked = [];
  const server = http.createServer((request, response) => {
    request.resume();
    if (request.method !== 'POST') return response.writeHead(404).end();
    asked.push(request.url.split('?')[0]);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{"new_ui":{"enabled":true},"dark_mode":{"enabled":true}}');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => (server.close(), server.closeAllConnections()));
  const env = { CONFIG_SERVICE_URL: `http://127.0.0.1:${server.address().port}`, ENVIRONMENT: 'production', SESSION_KEY: 'for tests' };
  const app = await example(env, 'authenticated.js');
  t.after(() => app.stop());
  for (let at = 0; at < 5; at += 1) {
    const answer = await fetch(`${app.url}/api/users/ann/dashboard`, { headers: { connection: 'close', authorization: session('ann') } });
    assert.deepEqual(await answer.json(), { template: 'new_dashboard', darkMode: true });
  }
  assert.deepEqual(asked, ['/api/v1/feature-flags/evaluate/batch']);
});

const GUIDE = `const express = require('express');
const FeatureFlagsClient = require('./featureFlagsClient');

const app = express();
const ffClient = new FeatureFlagsClient({
    configServiceUrl: process.env.CONFIG_SERVICE_URL,
    environment: process.env.ENVIRONMENT || 'development'
});

app.get('/api/users/:userId/dashboard', async (req, res) => {
    const { userId } = req.params;
    
    const newUi = await ffClient.isEnabled('new_ui', userId, false);
    const darkMode = await ffClient.isEnabled('dark_mode', userId, false);
    
    if (newUi) {
        res.json({ template: 'new_dashboard', darkMode });
    } else {
        res.json({ template: 'old_dashboard', darkMode });
    }
});
`;
