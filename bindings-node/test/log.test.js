'use strict';
// Where log lines go: to a logger of the caller's own, or to standard error.

const test = require('node:test');
const assert = require('node:assert/strict');
const { run } = require('./support');

const SECRET = 'a-user-whose-id-is-secret';
const DOCUMENT = "{ environments: ['test'], flags: { new_ui: {} } }";

/** Runs a script that collects what its loggers hear in `lines`, and prints it as JSON. */
async function heard(script, env = {}) {
  const { code, out, err } = await run(`
    const FeatureFlagsClient = require('.');
    const lines = [];
    const logger = (name) => Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, (line) => lines.push([name, level, line])]));
    // A turn of the loop hands over what waits for it, however late the timer is.
    const turn = () => new Promise((next) => setImmediate(next));
    const settled = async () => { await new Promise((next) => setTimeout(next, 50)); await turn(); await turn(); };
    (async () => { ${script} await settled(); console.log(JSON.stringify(lines)); })();`, { env: { JACKSTAFF_LOG: '', ...env }, seconds: 120 });
  assert.equal(code, 0, err);
  assert.ok(!out.includes(SECRET) && !err.includes(SECRET), out + err);
  return { lines: JSON.parse(out.trim().split('\n').at(-1)), err };
}

test('a logger hears one line per unknown flag, and standard error none', async () => {
  const { lines, err } = await heard(`
    const client = FeatureFlagsClient.fromObject(${DOCUMENT}, { environment: 'test', logger: logger('mine') });
    for (let n = 0; n < 5; n += 1) client.isEnabledSync('no_such', '${SECRET}');
    client.isEnabledSync('a\\nforged line', '${SECRET}');`);
  assert.deepEqual(lines.map(([name, level]) => [name, level]), [['mine', 'warn'], ['mine', 'warn']]);
  assert.match(lines[0][2], /^jackstaff: no usable flag of this name.*flag="no_such"/);
  assert.ok(!lines[1][2].includes('\n'));
  assert.equal(err, '');
});

test('console is a logger, and so is anything that has warn', async () => {
  const { err } = await heard(`
    const client = FeatureFlagsClient.fromObject(${DOCUMENT}, { environment: 'test', logger: console });
    client.isEnabledSync('no_such', '${SECRET}');`);
  assert.match(err, /^jackstaff: no usable flag/);
  const { lines } = await heard(`
    const client = FeatureFlagsClient.fromObject(${DOCUMENT}, { environment: 'test', logger: { warn(line) { lines.push(['only', line]); } } });
    client.isEnabledSync('no_such', '${SECRET}');`);
  assert.equal(lines.length, 1);
});

test('an outage is one line and its end another', async () => {
  const { lines } = await heard(`
    const http = require('node:http');
    let up = false;
    const server = http.createServer((request, response) => {
      response.writeHead(up && request.method === 'POST' ? 200 : 500, { 'content-type': 'application/json' });
      response.end('{"enabled":true}');
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    const client = new FeatureFlagsClient({ configServiceUrl: 'http://127.0.0.1:' + server.address().port, environment: 'test', evaluation: 'remote', cacheTtl: 0, timeout: 0.5, breaker: false, logger: logger('mine') });
    for (let n = 0; n < 2; n += 1) await client.isEnabled('new_ui', '${SECRET}' + n);
    up = true;
    const end = Date.now() + 90_000;
    while (!(await client.isEnabled('new_ui', '${SECRET}')) && Date.now() < end) await settled();
    await settled();
    server.close(); server.closeAllConnections();
    await client.close();`);
  const outage = lines.filter(([, level]) => level === 'warn');
  const recovery = lines.filter(([, level]) => level === 'info');
  assert.ok(outage.length >= 1 && recovery.length >= 1, JSON.stringify(lines));
  assert.equal(outage.filter(([, , line]) => line.includes('the config service cannot')).length, 1, JSON.stringify(lines));
});

test('each logger hears every line once, until its clients are closed', async () => {
  const { lines, err } = await heard(`
    const [one, two] = [logger('one'), logger('two')];
    const open = (logger) => FeatureFlagsClient.fromObject(${DOCUMENT}, { environment: 'test', logger });
    const clients = [open(one), open(one), open(two)];
    clients[0].isEnabledSync('first', '${SECRET}');
    await settled();
    await clients[2].close();
    clients[0].isEnabledSync('second', '${SECRET}');
    await settled();
    await clients[0].close();
    clients[1].isEnabledSync('third', '${SECRET}');
    await settled();
    await clients[1].close();
    await clients[1].close();
    open(undefined).isEnabledSync('fourth', '${SECRET}');`);
  const brief = lines.map(([name, , line]) => `${name} ${/flag="(\w+)"/.exec(line)[1]}`);
  assert.deepEqual(brief, ['one first', 'two first', 'one second', 'one third']);
  assert.match(err, /jackstaff warn: .*fourth/);
});

test('a logger that throws ends nothing, and its line is not lost', async () => {
  const { err } = await heard(`
    const client = FeatureFlagsClient.fromObject(${DOCUMENT}, { environment: 'test', logger: { warn() { throw new Error('disk full'); } } });
    client.isEnabledSync('no_such', '${SECRET}');`);
  assert.match(err, /no_such.*the logger failed: Error: disk full/);
});

test('JACKSTAFF_LOG says how much loggers hear', async () => {
  const script = `
    const client = FeatureFlagsClient.fromObject(${DOCUMENT}, { environment: 'test', logger: logger('mine') });
    client.isEnabledSync('no_such', '${SECRET}');`;
  assert.equal((await heard(script, { JACKSTAFF_LOG: 'off' })).lines.length, 0);
  assert.equal((await heard(script, { JACKSTAFF_LOG: 'warn' })).lines.length, 1);
});

test('what is no logger is refused', () => {
  const FeatureFlagsClient = require('..');
  for (const logger of ['console', {}, 7, { info() {} }]) {
    assert.throws(() => new FeatureFlagsClient({ configServiceUrl: 'http://127.0.0.1:1', environment: 'test', logger }), /logger is an? \w+: it has to be an object with/);
  }
});
