'use strict';
// The flaws of the guide's own samples, by their numbers: our client must not have them. Those of the cache in Redis and of Kafka
// have their own place; what concerns the service alone is tested there.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { DOCUMENT, PACKAGE, guide, json, run, serve, until } = require('./support');
const FeatureFlagsClient = require('..');

/** A client of a service that answers so, with the service; both are closed at the end of the test. */
async function remote(t, answer, options = {}) {
  const service = await serve(answer);
  const client = new FeatureFlagsClient({ configServiceUrl: service.url, environment: 'test', evaluation: 'remote', timeout: 2, ...options });
  t.after(async () => {
    await client.close();
    await service.close();
  });
  return { client, service };
}

const text = (body, type = 'text/html', status = 200) => (request, response) => {
  response.writeHead(status, { 'content-type': type });
  response.end(body);
};

test('guide_flaw_01 a disabled flag is off though the default is true', async (t) => {
  const { client } = await remote(t, guide({ new_ui: { enabled: false }, beta: { enabled: false } }));
  assert.equal(await client.isEnabled('new_ui', 'u1', true), false);
  assert.deepEqual(await client.batchEvaluate(['new_ui', 'beta'], 'u1', true), { new_ui: false, beta: false });
});

test('guide_flaw_02 the default of one caller is not kept for the next', async (t) => {
  const { client } = await remote(t, guide({ new_ui: { enabled: false } }));
  assert.equal(await client.isEnabled('new_ui', 'u1', true), false);
  assert.equal(await client.isEnabled('new_ui', 'u1', false), false);
  assert.deepEqual([await client.isEnabled('unknown', 'u1', true), await client.isEnabled('unknown', 'u1', false)], [true, false]);
});

test('guide_flaw_03 an answer without the field is the default, and is not kept', async (t) => {
  let answer = {};
  const { client, service } = await remote(t, (request, response) => json(response, answer));
  assert.deepEqual([await client.isEnabled('new_ui', 'u1', true), await client.isEnabled('new_ui', 'u1', false)], [true, false]);
  assert.equal(service.requests.length, 2);
  answer = { enabled: true };
  assert.equal(await client.isEnabled('new_ui', 'u1', false), true);
});

test('guide_flaw_04 null, text and numbers in place of a boolean are the default', async (t) => {
  let answer;
  const { client } = await remote(t, (request, response) => json(response, answer));
  for (const enabled of [null, 'false', 'true', 1, 0, [], {}]) {
    answer = { flag_name: 'new_ui', environment: 'test', enabled };
    assert.deepEqual([await client.isEnabled('new_ui', 'u1', true), await client.isEnabled('new_ui', 'u1', false)], [true, false], JSON.stringify(enabled));
  }
});

test('guide_flaw_05 a check is never undefined', async (t) => {
  const { client } = await remote(t, (request, response) => json(response, request.url.includes('/batch') ? { new_ui: {} } : {}));
  for (const fallback of [true, false]) {
    assert.equal(await client.isEnabled('new_ui', 'u1', fallback), fallback);
    assert.equal(client.isEnabledSync('new_ui', 'u1', fallback), fallback);
    assert.deepEqual(await client.batchEvaluate(['new_ui', 'other'], 'u1', fallback), { new_ui: fallback, other: fallback });
  }
});

test('guide_flaw_06 a page of HTML with status 200 is no answer and is not kept', async (t) => {
  let answer = text('<html>Please log in</html>');
  const { client } = await remote(t, (...call) => answer(...call));
  assert.deepEqual([await client.isEnabled('new_ui', 'u1', true), await client.isEnabled('new_ui', 'u1', false)], [true, false]);
  answer = guide({ new_ui: { enabled: true } });
  assert.equal(await client.isEnabled('new_ui', 'u1', false), true, 'the page was not kept');
});

test('guide_flaw_07 an answer belongs to the attributes it was asked with', async (t) => {
  const { client, service } = await remote(t, (request, response, body) => json(response, { enabled: JSON.parse(body).context?.plan === 'pro' || JSON.stringify(JSON.parse(body)).includes('"pro"') }));
  assert.equal(await client.isEnabled('beta', 'u1', false, { plan: 'free' }), false);
  assert.equal(await client.isEnabled('beta', 'u1', false, { plan: 'pro' }), true);
  assert.equal(await client.isEnabled('beta', 'u1', false, { plan: 'free' }), false);
  assert.equal(service.requests.length, 2);
});

test('guide_flaw_08 a colon in a flag or a user confuses nothing', async (t) => {
  const { client } = await remote(t, (request, response, body) => json(response, { enabled: JSON.parse(body).user_id === 'c' }));
  assert.equal(await client.isEnabled('a', 'b:c'), false);
  assert.equal(await client.isEnabled('a:b', 'c'), true);
  assert.equal(await client.isEnabled('a', 'b:c', true), false);
});

test('guide_flaw_09 more than booleans, and always a reason', async (t) => {
  const { client } = await remote(t, guide({ theme: { enabled: true, value: 'dark', variant: 'dark', reason: 'user_targeted', version: 7, epoch: 'e' } }));
  assert.equal(await client.getString('theme', 'u1', 'light'), 'dark');
  const { reason, origin, version, variant } = await client.evaluate('theme', 'u1');
  assert.deepEqual([reason, origin, version, variant], ['user_targeted', 'memory', 7, 'dark']);
  assert.equal((await client.evaluate('unknown', 'u1')).reason, 'flag_not_found');
});

test('guide_flaw_10 a batch needs no Redis', async (t) => {
  const { client } = await remote(t, guide({ new_ui: { enabled: true }, dark_mode: { enabled: false } }));
  assert.deepEqual(await client.batchEvaluate(['new_ui', 'dark_mode'], 'u1'), { new_ui: true, dark_mode: false });
});

test('guide_flaw_11 and 12 a batch has an entry for each name, whatever the service says', async (t) => {
  let answer;
  // Each answer is to be met, and five failures in a row would open the breaker.
  const { client } = await remote(t, (...call) => answer(...call), { cacheTtl: 0, retry: false, breaker: false });
  for (const status of [401, 403, 404, 429, 500, 503]) {
    answer = (request, response) => json(response, {}, status);
    assert.deepEqual(await client.batchEvaluate(['a', 'b'], 'u1', true), { a: true, b: true }, String(status));
  }
  answer = guide({ a: { enabled: false } });
  assert.deepEqual(await client.batchEvaluate(['a', 'b'], 'u1', true), { a: false, b: true });
});

test('guide_flaw_13 and 15 the user is in the body and never in the URL', async (t) => {
  const user = 'u&environment=production#x';
  const { client, service } = await remote(t, guide({ a: { enabled: true }, b: { enabled: true } }));
  await client.batchEvaluate(['a', 'b'], user);
  await client.isEnabled('a', `${user}2`);
  for (const request of service.requests) {
    assert.ok(!request.url.includes('environment=production') && !request.url.includes('u&') && !request.url.includes('u%26'), request.url);
    const { user_id: sent, environment } = JSON.parse(request.body);
    assert.ok(sent.startsWith(user));
    assert.equal(environment, 'test');
  }
});

test('guide_flaw_14 a batch is one trip, names that repeat are asked once, answers that were not asked for are not taken', async (t) => {
  const { client, service } = await remote(t, (request, response, body) => {
    const { flag_names: names } = JSON.parse(body);
    json(response, { ...Object.fromEntries(names.map((name) => [name, { enabled: true }])), extra: { enabled: true } });
  });
  const names = Array.from({ length: 50 }, (_, at) => `flag_${at % 25}`);
  assert.deepEqual(Object.keys(await client.batchEvaluate(names, 'u1')).length, 25);
  assert.equal(service.requests.length, 1);
  assert.equal(JSON.parse(service.requests[0].body).flag_names.length, 25);
  assert.equal(client.isEnabledSync('extra', 'u1', false), false);
});

test('guide_flaw_17 and 18 a Redis that is gone neither delays a check nor ends the process', async () => {
  const service = await serve(guide({ new_ui: { enabled: true } }));
  const { code, out, err } = await run(`
    const FeatureFlagsClient = require('.');
    const client = new FeatureFlagsClient({ configServiceUrl: '${service.url}', environment: 'test', redis: 'redis://127.0.0.1:1' });
    const begun = Date.now();
    client.isEnabled('new_ui', 'u1').then((answer) => console.log(answer, Date.now() - begun < 2000));`, { env: { JACKSTAFF_LOG: 'warn' } });
  await service.close();
  assert.deepEqual([code, out], [0, 'true true\n'], err);
  assert.match(err, /redis/, 'one line says that the shared cache is not there');
});

test('guide_flaw_21 many checks of one thing are one trip', async (t) => {
  const { client, service } = await remote(t, (request, response) => setTimeout(() => json(response, { enabled: true }), 50));
  const answers = await Promise.all(Array.from({ length: 200 }, () => client.isEnabled('new_ui', 'u1')));
  assert.ok(answers.every(Boolean));
  assert.equal(service.requests.length, 1);
});

test('guide_flaw_22 when the service fails, its last answer stays', async (t) => {
  let answer = guide({ new_ui: { enabled: true } });
  const { client } = await remote(t, (...call) => answer(...call), { localTtl: 0.05 });
  assert.equal(await client.isEnabled('new_ui', 'u1'), true);
  await new Promise((done) => setTimeout(done, 80));
  answer = text('down', 'text/plain', 503);
  const { value, origin, age } = await client.evaluate('new_ui', 'u1', false);
  assert.deepEqual([value, origin], [true, 'memory']);
  assert.ok(age > 0.05 && age < 10, String(age));
});

test('guide_flaw_28 whatever says where Redis is, is read and nothing more', () => {
  const { redisOptions } = require('../lib/redis');
  const redisUrl = (redis) => redisOptions(redis).redisUrl; // a client of ioredis itself: redis.test.js
  assert.equal(redisUrl('redis://a:1/3'), 'redis://a:1/3');
  assert.equal(redisUrl({ host: '::1' }), 'redis://[::1]:6379/0');
  assert.equal(redisUrl({ path: '/run/redis.sock' }), 'unix:///run/redis.sock');
  assert.equal(redisUrl(6390), 'redis://localhost:6390/0');
  assert.equal(redisUrl({ options: { socket: { host: 'b', port: 7 }, password: 'y', database: 4 } }), 'redis://:y@b:7/4');
  assert.deepEqual([redisUrl(undefined), redisUrl(null)], [undefined, undefined]);
});

test('guide_flaw_29 cacheTtl 0 means no cache', async (t) => {
  const { client, service } = await remote(t, guide({ new_ui: { enabled: true } }), { cacheTtl: 0 });
  for (let n = 0; n < 3; n += 1) assert.equal(await client.isEnabled('new_ui', 'u1'), true);
  assert.equal(service.requests.length, 3);
  assert.equal(client.cacheTtl, 0);
});

test('guide_flaw_34 answers are kept in the process', async (t) => {
  const { client, service } = await remote(t, guide({ new_ui: { enabled: true } }));
  for (let n = 0; n < 20; n += 1) assert.equal(await client.isEnabled('new_ui', 'u1'), true);
  assert.equal(client.isEnabledSync('new_ui', 'u1'), true);
  assert.equal(service.requests.length, 1);
});

test('guide_flaw_37 a service that hangs costs one deadline, and half a body too', async (t) => {
  for (const answer of [() => {}, (request, response) => { response.writeHead(200, { 'content-length': 100 }); response.write('{"enabled": tr'); }]) {
    const { client } = await remote(t, answer, { timeout: 0.3 });
    const begun = Date.now();
    assert.deepEqual(await Promise.all([client.isEnabled('a', 'u1', true), client.isEnabled('b', 'u1'), client.batchEvaluate(['c', 'd'], 'u1', true)]), [true, false, { c: true, d: true }]);
    const took = Date.now() - begun;
    assert.ok(took >= 290 && took < 1500, `${took} ms`);
  }
});

test('guide_flaw_38 and 54 a failure is one line with a reason, and without the user', async () => {
  const service = await serve((request, response) => json(response, {}, 500));
  const { code, err } = await run(`
    const FeatureFlagsClient = require('.');
    const client = new FeatureFlagsClient({ configServiceUrl: '${service.url}', environment: 'test', evaluation: 'remote' });
    (async () => { for (let n = 0; n < 20; n += 1) await client.isEnabled('new_ui', 'somebody@example.org'); console.log(client.stats().failures); })();`, { env: { JACKSTAFF_LOG: 'debug' } });
  await service.close();
  assert.equal(code, 0, err);
  assert.equal(err.split('\n').filter((line) => line.startsWith('jackstaff warn')).length, 1, err);
  assert.match(err, /new_ui/);
  assert.ok(!err.includes('somebody'), err);
});

test('guide_flaw_42 an outage does not look like flags that are off', async (t) => {
  let answer = text('down', 'text/plain', 503);
  const { client } = await remote(t, (...call) => answer(...call));
  const { reason, origin } = await client.evaluate('new_ui', 'u1', false);
  assert.deepEqual([reason, origin], ['error', 'default']);
  const { status, failures, lastError } = client.stats();
  assert.deepEqual([status, failures], ['stale', 1]);
  assert.equal(typeof lastError, 'string');
  answer = guide({ new_ui: { enabled: false } });
  assert.equal((await client.evaluate('new_ui', 'u1', true)).reason === 'error', false);
  assert.deepEqual([client.stats().status, client.stats().lastError], ['ready', null]);
});

test('guide_flaw_51 the key is sent, and is in no message', async (t) => {
  const { client, service } = await remote(t, guide({ new_ui: { enabled: true } }), { apiKey: 'secret-key' });
  await client.isEnabled('new_ui', 'u1');
  assert.equal(service.requests[0].headers.authorization, 'Bearer secret-key');
  assert.throws(() => new FeatureFlagsClient({ configServiceUrl: 'http://x', environment: 'test', apiKey: 'secret\nkey' }), (error) => !error.message.includes('secret'));
});

test('guide_flaw_52 and 65 no environment or no URL is an error, not development', async () => {
  const script = (config) => `try { new (require('.'))(${config}); console.log('made'); } catch (error) { console.log(error.message); }`;
  const env = { ENVIRONMENT: '', CONFIG_SERVICE_URL: '' };
  assert.match((await run(script("{ configServiceUrl: 'http://x' }"), { env })).out, /^environment is not set: name one, such as "production", or set ENVIRONMENT/);
  assert.match((await run(script("{ environment: 'test', configServiceUrl: undefined }"), { env })).out, /^configServiceUrl is not set: give the URL of the config service, or set CONFIG_SERVICE_URL/);
  assert.equal((await run(script('{}'), { env: { ENVIRONMENT: 'test', CONFIG_SERVICE_URL: 'http://x' } })).out, 'made\n');
  const fromEnv = "const c = require('.').fromEnv(); console.log(c.environment, c.configServiceUrl)";
  assert.equal((await run(fromEnv, { env: { ENVIRONMENT: 'test', CONFIG_SERVICE_URL: 'http://x/' } })).out, 'test http://x\n');
});

test('guide_flaw_56 what is kept is bounded', () => {
  const mock = new FeatureFlagsClient.MockFeatureFlagsClient({ new_ui: true });
  for (let n = 0; n < 10_100; n += 1) mock.isEnabledSync('new_ui', `u${n}`);
  assert.equal(mock.checks.length, 10_000);
  assert.equal(mock.checks[0].user, 'u100');
  const client = FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test' });
  for (let n = 0; n < 1_000; n += 1) client.onChange(() => {});
  assert.throws(() => client.onChange(() => {}), /there are 1000 change listeners already/);
});

test('guide_flaw_57 one client serves all its callers, wherever they come from', async (t) => {
  const { client } = await remote(t, guide({ new_ui: { enabled: true } }), { cacheTtl: 0 });
  const { AsyncLocalStorage } = require('node:async_hooks');
  const storage = new AsyncLocalStorage();
  const asked = [1, 2, 3].map((n) => storage.run(n, async () => [await client.isEnabled('new_ui', `u${n}`), storage.getStore()]));
  assert.deepEqual(await Promise.all(asked), [[true, 1], [true, 2], [true, 3]]);
});

test('guide_flaw_59 the process ends without close', async () => {
  const service = await serve(guide({ new_ui: { enabled: true } }));
  const { code, out, ms } = await run(`
    const FeatureFlagsClient = require('.');
    const client = new FeatureFlagsClient({ configServiceUrl: '${service.url}', environment: 'test', redis: { host: '127.0.0.1', port: 1 } });
    client.isEnabled('new_ui', 'u1').then(console.log);`);
  await service.close();
  assert.deepEqual([code, out], [0, 'true\n']);
  assert.ok(ms < 5000, `${ms} ms`);
});

test('guide_flaw_60 flags can be there before the first check', async () => {
  const client = new FeatureFlagsClient({ configServiceUrl: 'http://127.0.0.1:1', environment: 'test', bootstrap: DOCUMENT });
  assert.equal(client.isEnabledSync('new_ui', 'u1'), true);
  await client.ready();
  await client.close();
});

test('guide_flaw_64 the mock has the whole interface', async () => {
  const mock = new FeatureFlagsClient.MockFeatureFlagsClient({ new_ui: { value: false, users: { u1: true } } });
  assert.deepEqual(await mock.batchEvaluate(['new_ui', 'other'], 'u1'), { new_ui: true, other: false });
  assert.equal(await mock.isEnabled('new_ui', 'u2', true), false);
  await mock.close();
});

test('guide_flaw_67 the package has a name, a version, types and both module systems', () => {
  const { name, version, types, exports } = require('../package.json');
  assert.deepEqual([name, version, types], ['jackstaff', '0.1.0', './index.d.ts']);
  const files = Object.values(exports).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry).flatMap((part) => (typeof part === 'string' ? [part] : Object.values(part)))));
  for (const file of files) assert.ok(fs.existsSync(path.join(PACKAGE, file)), file);
});

test('a service that answers anything at all never makes a check fail', async (t) => {
  const answers = [text('', 'application/json'), text('{', 'application/json'), text('[]', 'application/json'), text('null', 'application/json'), text('"x"', 'application/json'),
    text('{"enabled":tru', 'application/json'), text('x'.repeat(1e6)), text('', 'text/plain', 204), text('', 'text/plain', 301), text('{}', 'application/json', 500),
    (request) => request.socket.destroy(), (request, response) => { response.writeHead(302, { location: '/' }); response.end(); }];
  for (const [at, answer] of answers.entries()) {
    const { client } = await remote(t, answer, { timeout: 1 });
    for (const fallback of [true, false]) {
      assert.equal(await client.isEnabled('new_ui', 'u1', fallback), fallback, `answer ${at}`);
      assert.equal(client.isEnabledSync('new_ui', 'u1', fallback), fallback, `answer ${at}`);
      assert.deepEqual(await client.batchEvaluate(['new_ui', 'b'], 'u1', fallback), { new_ui: fallback, b: fallback }, `answer ${at}`);
      assert.equal((await client.evaluate('new_ui', 'u1', fallback)).value, fallback, `answer ${at}`);
    }
  }
});

test('a service that knows the guide\'s two endpoints and no more is enough', async (t) => {
  const { client, service } = await remote(t, guide({ new_ui: { enabled: true } }), { evaluation: 'auto' });
  assert.equal(await client.isEnabled('new_ui', 'u1'), true);
  await client.ready();
  assert.deepEqual(await client.batchEvaluate(['new_ui', 'other'], 'u2', true), { new_ui: true, other: true });
  assert.deepEqual([client.stats().status, client.evaluateSync('new_ui', 'u1').origin], ['ready', 'memory']);
  assert.ok(service.requests.length <= 4, JSON.stringify(service.requests));
});

test('a sync check that has to wait serves the default, and the answer is there for the next', async (t) => {
  const { client, service } = await remote(t, guide({ new_ui: { enabled: true }, beta: { enabled: true } }));
  assert.equal(client.evaluateSync('new_ui', 'u1', false).reason, 'not_ready');
  assert.equal(client.isEnabledSync('new_ui', 'u1', false), false);
  await until(() => client.isEnabledSync('new_ui', 'u1', false));
  assert.deepEqual(client.batchEvaluateSync(['new_ui', 'beta'], 'u1'), { new_ui: true, beta: false });
  await until(() => client.batchEvaluateSync(['new_ui', 'beta'], 'u1').beta);
  assert.equal(client.context('u1').isEnabledSync('new_ui'), true);
  assert.ok(service.requests.length <= 4, `${service.requests.length} requests`);
});
