'use strict';
// What the package offers, on flags in memory.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { DOCUMENT, run, until } = require('./support');
const FeatureFlagsClient = require('..');

const { MockFeatureFlagsClient, Context, Flag } = FeatureFlagsClient;
const open = (options) => FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test', ...options });

test('require gives the class, with the others beside it', async () => {
  assert.equal(FeatureFlagsClient.FeatureFlagsClient, FeatureFlagsClient);
  assert.equal(require('../featureFlagsClient'), FeatureFlagsClient);
  assert.equal(new MockFeatureFlagsClient() instanceof FeatureFlagsClient, true);
  const esm = await import('../index.mjs');
  assert.equal(esm.default, FeatureFlagsClient);
  assert.equal(esm.FeatureFlagsClient, FeatureFlagsClient);
  assert.deepEqual([esm.MockFeatureFlagsClient, esm.Context, esm.Flag], [MockFeatureFlagsClient, Context, Flag]);
});

test('the package loads by its name, from CommonJS and ESM, and by the path of the guide', async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'jackstaff-'));
  fs.mkdirSync(path.join(folder, 'node_modules'));
  fs.symlinkSync(path.dirname(__dirname), path.join(folder, 'node_modules', 'jackstaff'));
  fs.writeFileSync(path.join(folder, 'a.mjs'), `
    import Default, { FeatureFlagsClient, MockFeatureFlagsClient } from 'jackstaff';
    import { createRequire } from 'node:module';
    const require = createRequire(import.meta.url);
    const same = Default === FeatureFlagsClient && require('jackstaff') === Default && require('jackstaff/featureFlagsClient') === Default;
    console.log(same && new MockFeatureFlagsClient({ on: true }).isEnabledSync('on', 'u'));`);
  const { out, code, err } = await run(`import(${JSON.stringify(path.join(folder, 'a.mjs'))})`);
  fs.rmSync(folder, { recursive: true });
  assert.deepEqual([out, code], ['true\n', 0], err);
});

test('single checks, awaited and not, are equal', async () => {
  const client = open();
  const asked = [['new_ui', true], ['dark_mode', false], ['beta', false], ['unknown', true], ['theme', true]];
  for (const [flag, expected] of asked) {
    assert.equal(client.isEnabledSync(flag, 'u1', true), expected, flag);
    assert.equal(await client.isEnabled(flag, 'u1', true), expected, flag);
    assert.equal(client.flag(flag).enabled('u1', true), expected, flag);
    assert.equal(client.context('u1').isEnabledSync(flag, true), expected, flag);
    assert.equal(await client.context('u1').isEnabled(flag, true), expected, flag);
  }
  assert.equal(client.isEnabledSync('unknown', 'u1'), false);
  assert.equal(client.isEnabledSync('beta', 'u1', false, { plan: 'pro' }), true);
  assert.equal(await client.isEnabled('beta', 'u1', false, { plan: 'pro' }), true);
  assert.equal(await client.isEnabled('beta', 'u1', false, { plan: 'free' }), false);
  assert.equal(client.flag('beta').enabled('u1', false, { plan: 'pro' }), true);
  assert.equal(client.context('u1', { plan: 'pro' }).isEnabledSync('beta'), true);
});

test('a promise is a promise: of the language, not of the addon', () => {
  assert.ok(open().isEnabled('new_ui', 'u1') instanceof Promise);
});

test('a batch has one entry for each name that was asked', async () => {
  const client = open();
  const names = ['new_ui', 'dark_mode', 'unknown', 'new_ui', '__proto__', 'theme'];
  const expected = Object.fromEntries([['new_ui', true], ['dark_mode', false], ['unknown', true], ['__proto__', true], ['theme', true]]);
  for (const answers of [client.batchEvaluateSync(names, 'u1', true), await client.batchEvaluate(names, 'u1', true)]) {
    assert.deepEqual(Object.entries(answers), Object.entries(expected));
    assert.equal(Object.getPrototypeOf(answers), Object.prototype);
  }
  assert.deepEqual(client.batchEvaluateSync([], 'u1'), {});
  assert.deepEqual(client.batchEvaluateSync(new Set(['new_ui']), 'u1'), { new_ui: true });
  assert.deepEqual(client.batchEvaluateSync(['beta'], 'u1', false, { plan: 'pro' }), { beta: true });
  const list = ['new_ui'];
  client.batchEvaluateSync(list, 'u1');
  list[0] = 'dark_mode';
  assert.deepEqual(client.batchEvaluateSync(list, 'u1'), { dark_mode: false }, 'the list was changed between two calls');
  const many = Array.from({ length: 3000 }, (_, at) => `flag_${at}`);
  assert.equal(Object.keys(client.batchEvaluateSync(many, 'u1')).length, 3000);
  // The names cross once and the object is a copy of one that is kept: nobody may notice.
  const odd = ['new_ui', '__proto__', '7', 'constructor', 'new_ui', 'a"b', '\ud800'];
  const whole = Object.fromEntries([...new Set(odd)].map((name) => [name, true]));
  for (let round = 0; round < 3; round += 1) {
    const answers = client.batchEvaluateSync(odd, 'u1', true);
    assert.deepEqual(answers, whole);
    assert(Object.hasOwn(answers, '__proto__') && Object.getPrototypeOf(answers) === Object.prototype);
    answers.new_ui = 'spoilt';
    delete answers.constructor;
  }
});

test('an evaluation says why and from where', async () => {
  const client = open();
  const answer = client.evaluateSync('beta', 'u1', false, { plan: 'pro' });
  const { age, ...rest } = answer;
  assert.equal(typeof age, 'number');
  assert.deepEqual(rest, {
    flag: 'beta', value: true, enabled: true, variant: 'on', reason: 'rule_matched', origin: 'local', version: 0, epoch: '', rule: 'pros', error: null,
  });
  assert.equal((await client.evaluate('beta', 'u1', false, { plan: 'pro' })).rule, 'pros');
  const fallback = { mine: true };
  const unknown = client.evaluateSync('unknown', 'u1', fallback);
  assert.equal(unknown.value, fallback, 'the default is the very object that was given');
  assert.deepEqual([unknown.reason, unknown.origin, unknown.variant], ['flag_not_found', 'default', null]);
  assert.equal(client.evaluateSync('theme', 'u1', 1, undefined, 'integer').reason, 'type_mismatch');
  assert.throws(() => client.evaluateSync('theme', 'u1', 1, undefined, 'text'), /type is "text": it is one of any, boolean, string/);
});

test('typed getters', async () => {
  const client = open();
  const asked = [['Bool', 'new_ui', false, true], ['String', 'theme', 'x', 'dark'], ['Int', 'limit', 1, 20], ['Number', 'ratio', 0.1, 0.5],
    ['Object', 'layout', null, { columns: 3, names: ['a', 'b'] }], ['Number', 'limit', 1, 20],
    ['Bool', 'theme', true, true], ['String', 'limit', 'x', 'x'], ['Int', 'ratio', 7, 7], ['Number', 'theme', 1.5, 1.5], ['String', 'unknown', 'x', 'x']];
  for (const [type, flag, fallback, expected] of asked) {
    assert.deepEqual(client[`get${type}Sync`](flag, 'u1', fallback), expected, `${type} ${flag}`);
    assert.deepEqual(await client[`get${type}`](flag, 'u1', fallback), expected, `${type} ${flag}, awaited`);
  }
  assert.throws(() => client.getStringSync('theme', 'u1'), /defaultValue is undefined: getString needs one/);
  await assert.rejects(client.getInt('limit', 'u1'), TypeError);
});

test('an integer beyond 2^53 is a BigInt, and no number', () => {
  const flags = { big: { type: 'integer', variants: { big: 2n ** 60n + 1n }, fallthrough: 'big' } };
  const client = FeatureFlagsClient.fromObject({ environments: ['test'], flags }, { environment: 'test' });
  assert.equal(client.evaluateSync('big', 'u1').value, 1152921504606846977n);
  assert.equal(client.getIntSync('big', 'u1', 3), 3);
});

test('users may be numbers, and null is nobody', () => {
  const targets = { on: ['42', '9007199254740993'] };
  const client = FeatureFlagsClient.fromObject({ environments: ['test'], flags: { f: { type: 'boolean', targets, fallthrough: 'off' } } }, { environment: 'test' });
  assert.deepEqual(['42', 42, 42n, 9007199254740993n, 43, null].map((user) => client.isEnabledSync('f', user)), [true, true, true, true, false, false]);
  assert.equal(client.context(42).isEnabledSync('f'), true);
  assert.equal(client.flag('f').enabled(42), true);
});

test('a long user id or flag name is never cut', () => {
  const names = [200, 251, 252, 253, 255, 256, 257, 300, 507, 508, 509, 511, 512, 513, 5000].flatMap((length) => ['a', 'é', '水', '🚩'].map((letter) => letter.repeat(length)));
  for (const name of names) {
    const document = { environments: ['test'], flags: { f: { type: 'boolean', targets: { on: [`${name}x`] }, fallthrough: 'off' } } };
    const client = FeatureFlagsClient.fromObject(document, { environment: 'test' });
    assert.deepEqual([`${name}x`, name, `${name}y`].map((user) => client.isEnabledSync('f', user)), [true, false, false], `${name[0]} ${name.length}`);
    assert.equal(client.evaluateSync(name, 'u1').flag, name);
    assert.equal(client.isEnabledSync('f', 'u', false, { [name]: name }), false);
  }
  const mock = new MockFeatureFlagsClient();
  names.filter((name) => name.length < 5000).forEach((name) => mock.isEnabledSync(name, name));
  assert.deepEqual(mock.checks.map(({ flag, user }) => [flag, user]), names.filter((name) => name.length < 5000).map((name) => [name, name]));
});

test('half a surrogate pair is the same wherever it crosses', () => {
  const client = FeatureFlagsClient.fromObject(
    { environments: ['test'], flags: { f: { type: 'boolean', targets: { on: ['a\ufffd'] }, rules: [{ when: { attribute: 'x', equals: '\ufffd' }, serve: 'on' }], fallthrough: 'off' } } },
    { environment: 'test' },
  );
  assert.equal(client.isEnabledSync('f', 'a\ud800'), true);
  assert.equal(client.isEnabledSync('f', 'u', false, { x: '\udc00' }), true);
});

test('explain shows the steps', () => {
  const { evaluation, steps } = open().explain('beta', 'u1', { plan: 'free' });
  assert.equal(evaluation.value, false);
  assert.ok(steps.some((step) => step.step === 'condition' && step.result === false && step.actual === 'free'), JSON.stringify(steps));
});

test('a context keeps what it was told, until the flags change', async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'jackstaff-')), 'flags.json');
  fs.writeFileSync(file, JSON.stringify(DOCUMENT));
  const client = FeatureFlagsClient.fromFile(file, { environment: 'test', pollInterval: 0.05 });
  const context = client.context('u1', { plan: 'pro' });
  const before = client.stats();
  for (let n = 0; n < 100; n += 1) assert.equal(context.isEnabledSync('new_ui'), true);
  for (let n = 0; n < 100; n += 1) assert.equal(await context.isEnabled('beta'), true);
  assert.equal(client.stats().checks - before.checks, 200, 'kept answers are counted too');
  const changed = structuredClone(DOCUMENT);
  changed.flags.new_ui.fallthrough = 'off';
  let seen = 0;
  client.onChange(() => (seen += 1));
  fs.writeFileSync(file, `${JSON.stringify(changed)}\n`);
  await until(() => seen > 0);
  assert.equal(context.isEnabledSync('new_ui', true), false);
  assert.equal(await context.isEnabled('new_ui', true), false);
  await client.close();
  assert.equal(context.isEnabledSync('beta', false), false, 'a closed client keeps nothing');
  assert.equal(context.isEnabledSync('beta', true), true);
});

test('a context does not keep an answer that depends on the time', async () => {
  const until_ = new Date(Date.now() + 700).toISOString();
  const document = { environments: ['test'], flags: { sale: { type: 'boolean', schedule: { until: until_ }, fallthrough: 'on' }, other: { type: 'boolean', fallthrough: 'on' } } };
  const client = FeatureFlagsClient.fromObject(document, { environment: 'test' });
  const context = client.context('u1');
  assert.equal(context.isEnabledSync('sale'), true);
  assert.equal(context.isEnabledSync('sale'), true);
  assert.equal(context.isEnabledSync('other'), true);
  await until(() => context.isEnabledSync('sale') === false);
  assert.ok(Date.now() >= Date.parse(until_));
});

test('a context does not keep the default of one caller for the next', () => {
  const context = open().context('u1');
  assert.deepEqual([context.isEnabledSync('unknown', true), context.isEnabledSync('unknown', false), context.isEnabledSync('theme', true)], [true, false, true]);
});

test('listeners hear of changes until they are removed', async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'jackstaff-')), 'flags.json');
  fs.writeFileSync(file, JSON.stringify(DOCUMENT));
  const client = FeatureFlagsClient.fromFile(file, { environment: 'test', pollInterval: 0.05 });
  await client.ready();
  const heard = [[], [], []];
  const third = (change) => heard[2].push(change);
  const stop = client.onChange((change) => heard[0].push(change));
  client.on('change', (change) => heard[1].push(change)).on('change', third);
  fs.writeFileSync(file, JSON.stringify({ ...DOCUMENT, segments: {} }));
  await until(() => heard.every((changes) => changes.length === 1));
  assert.deepEqual(Object.keys(heard[0][0]), ['environment', 'epoch', 'version', 'previous', 'flags']);
  assert.equal(heard[0][0].environment, 'test');
  stop();
  client.off('change', third);
  fs.writeFileSync(file, `${JSON.stringify(DOCUMENT)}\n\n`);
  await until(() => heard[1].length === 2);
  assert.deepEqual(heard.map((changes) => changes.length), [1, 2, 1]);
  assert.throws(() => client.on('changed', () => {}), /event is "changed": there is only "change"/);
  assert.throws(() => client.onChange('x'), /listener is a string/);
  await client.close();
});

test('ready, stats and close', async () => {
  const client = open();
  await client.ready();
  await client.waitForVersion(0, 1);
  await assert.rejects(client.waitForVersion(7, 0.05), (error) => error.code === 'timeout' && /version 7 has not arrived/.test(error.message));
  await assert.rejects(client.ready(-1), /timeout is -1/);
  client.isEnabledSync('new_ui', 'u');
  const stats = client.stats();
  assert.deepEqual([stats.status, stats.checks, stats.byOrigin.local, stats.flags, stats.lastError], ['ready', 1, 1, 7, null]);
  await client.close();
  await client.close();
  assert.equal(client.stats().status, 'closed');
  assert.equal(client.isEnabledSync('new_ui', 'u', true), true);
  assert.equal(await client.isEnabled('new_ui', 'u', false), false);
  assert.equal(client.evaluateSync('new_ui', 'u').reason, 'not_ready');
  assert.equal((await client.evaluate('new_ui', 'u')).reason, 'not_ready');
  assert.deepEqual(await client.batchEvaluate(['new_ui'], 'u', true), { new_ui: true });
  await assert.rejects(client.ready(), { code: 'closed' });
  assert.equal(client.explain('new_ui', 'u'), null);
  const other = open();
  await other[Symbol.asyncDispose]();
  assert.equal(other.stats().status, 'closed');
});

test('the mock is the real client over flags of the test', async () => {
  const mock = new MockFeatureFlagsClient({ new_ui: true, limit: 20, theme: { value: 'light', users: { u1: 'dark' } } });
  assert.equal(await mock.isEnabled('new_ui', 'u1'), true);
  assert.equal(mock.isEnabledSync('unknown', 'u1', true), true);
  assert.deepEqual([mock.getStringSync('theme', 'u1', ''), mock.getStringSync('theme', 'u2', '')], ['dark', 'light']);
  mock.set('new_ui', false, 'u2');
  assert.deepEqual(mock.batchEvaluateSync(['new_ui'], 'u1'), { new_ui: true });
  assert.deepEqual(await mock.batchEvaluate(['new_ui'], 'u2', true), { new_ui: false });
  mock.set('new_ui', false);
  mock.set('fresh', true, 7);
  assert.deepEqual([mock.isEnabledSync('new_ui', 'u1'), mock.isEnabledSync('fresh', 7), mock.isEnabledSync('fresh', 8)], [false, true, false]);
  assert.deepEqual(mock.checks[0], { flag: 'new_ui', user: 'u1', enabled: true });
  assert.equal(mock.checks.length, 9);
  const context = mock.context('u1');
  [context.isEnabledSync('limit'), context.isEnabledSync('new_ui'), context.isEnabledSync('new_ui')].forEach((answer) => assert.equal(answer, false));
  assert.equal(mock.checks.length, 12, 'each check is recorded, repeated ones too');
  assert.throws(() => mock.set('f', () => true), /flag "f" is a function/);
  assert.throws(() => new MockFeatureFlagsClient(['new_ui']), /flag is a list: it has to be an object/);
  for (const name of Object.getOwnPropertyNames(FeatureFlagsClient.prototype)) assert.ok(name in mock, name);
  await mock.ready();
  await mock.close();
});
