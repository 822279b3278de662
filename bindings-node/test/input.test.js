'use strict';
// What bad input gets: a TypeError that names the key, at the call, and never the value of a user.

const test = require('node:test');
const assert = require('node:assert/strict');
const { DOCUMENT } = require('./support');
const FeatureFlagsClient = require('..');

const open = () => FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test' });
const cycle = { name: 'x' };
cycle.self = { again: cycle };
const nested = (depth) => (depth === 0 ? 1 : [nested(depth - 1)]);

const CONTEXTS = [
  [{ plan: () => true }, /attribute "plan" is a function: send text/],
  [{ plan: Symbol('x') }, /attribute "plan" is a symbol/],
  [{ score: NaN }, /attribute "score" is NaN: send a finite number/],
  [{ score: [1, Infinity] }, /attribute "score" is Infinity/],
  [{ big: 2n ** 63n }, /attribute "big" is a BigInt beyond 64 bits/],
  [cycle, /attribute "self" contains itself/],
  [{ deep: nested(8) }, /attribute "deep" nests deeper than 8 levels/],
  [{ text: 'x'.repeat(65537) }, /attribute "text" has 65537 bytes of text: at most 65536/],
  [{ text: 'é'.repeat(40000) }, /attribute "text" has 80000 bytes of text: at most 65536/],
  [{ text: 'x'.repeat(10_000_000) }, /attribute "text" has 10000000 bytes of text/],
  [Object.fromEntries(Array.from({ length: 257 }, (_, at) => [`a${at}`, at])), /is one too many: a context holds at most 256/],
  [{ when: new Date(NaN) }, /attribute "when" is an invalid date/],
  [{ map: new Map() }, /attribute "map" is a Map: send a plain object or a list/],
  [{ set: new Set() }, /attribute "set" is a Set/],
  [{ expression: /x/ }, /attribute "expression" is a RegExp/],
  [{ bytes: new Uint8Array(2) }, /attribute "bytes" is a Uint8Array/],
  [{ later: Promise.resolve() }, /attribute "later" is a Promise/],
  ['pro', /context is a string: it has to be an object of attributes/],
  [['pro'], /context is a list/],
  [7, /context is a number/],
];

test('a context that cannot be converted is refused by every method, and by name', async () => {
  const away = new FeatureFlagsClient({ configServiceUrl: 'http://127.0.0.1:1', environment: 'test', evaluation: 'remote' });
  for (const [client, [context, message]] of [open(), away].flatMap((client) => CONTEXTS.map((one) => [client, one]))) {
    const refused = (error) => error instanceof TypeError && error.code === 'invalid_argument' && message.test(error.message);
    assert.throws(() => client.isEnabledSync('new_ui', 'u', false, context), refused, String(message));
    await assert.rejects(client.isEnabled('new_ui', 'u', false, context), refused, String(message));
    assert.throws(() => client.batchEvaluateSync(['new_ui'], 'u', false, context), refused, String(message));
    await assert.rejects(client.batchEvaluate(['new_ui'], 'u', false, context), refused, String(message));
    assert.throws(() => client.evaluateSync('new_ui', 'u', null, context), refused, String(message));
    await assert.rejects(client.evaluate('new_ui', 'u', null, context), refused, String(message));
    assert.throws(() => client.explain('new_ui', 'u', context), refused, String(message));
    assert.throws(() => client.getBoolSync('new_ui', 'u', false, context), refused, String(message));
    assert.throws(() => client.context('u', context).isEnabledSync('new_ui'), refused, String(message));
    assert.throws(() => client.flag('new_ui').enabled('u', false, context), refused, String(message));
  }
});

test('what can be converted is', () => {
  class Account {
    constructor() {
      this.plan = 'pro';
    }
  }
  const client = open();
  const fine = [{ plan: 'pro' }, new Account(), Object.assign(Object.create(null), { plan: 'pro' }), { plan: new String('pro') }, { plan: { toJSON: () => 'pro' } },
    { plan: 'pro', nothing: null, missing: undefined, list: [undefined, 1n], when: new Date(0), deep: nested(7), [Symbol('s')]: 1, text: 'x'.repeat(65536) }];
  for (const context of fine) assert.equal(client.isEnabledSync('beta', 'u', false, context), true, Object.keys(context).join());
  assert.equal(client.isEnabledSync('beta', 'u', false, null), false);
});

test('numbers and dates arrive as what they are', () => {
  const equals = { integer: 9007199254740991, negative: -3, double: 0.1, large: 1e300, day: '2026-11-22T10:00:00.000Z', list: [1, 2.5], big: 9223372036854775807n };
  const rule = (key) => ({ type: 'boolean', rules: [{ when: { attribute: key, equals: equals[key] }, serve: 'on' }], fallthrough: 'off' });
  const flags = Object.fromEntries(['integer', 'negative', 'double', 'large', 'day', 'big'].map((key) => [key, rule(key)]));
  const client = FeatureFlagsClient.fromObject({ environments: ['test'], flags }, { environment: 'test' });
  const context = { ...equals, day: new Date('2026-11-22T10:00:00Z') };
  for (const key of Object.keys(flags)) assert.equal(client.isEnabledSync(key, 'u', false, context), true, key);
  assert.equal(client.isEnabledSync('big', 'u', false, { big: Number(2n ** 63n) }), false, 'a double beyond 2^53 is no integer');
  assert.equal(client.isEnabledSync('negative', 'u', false, { negative: -3.0000001 }), false);
});

test('a flag, a user or a default of the wrong type is refused', async () => {
  const client = open();
  for (const flag of [undefined, null, 7, {}, ['new_ui'], Symbol('f')]) {
    assert.throws(() => client.isEnabledSync(flag, 'u'), { name: 'TypeError', message: /^flag is .*: it has to be the name of a flag$/ });
    await assert.rejects(client.isEnabled(flag, 'u'), TypeError);
    assert.throws(() => client.evaluateSync(flag, 'u'), TypeError);
    assert.throws(() => client.context('u').isEnabledSync(flag), TypeError);
    assert.throws(() => client.batchEvaluateSync([flag], 'u'), TypeError);
    assert.throws(() => client.flag(flag), TypeError);
  }
  for (const user of [undefined, NaN, {}, true, ['u'], Symbol('u'), () => 'u']) {
    assert.throws(() => client.isEnabledSync('new_ui', user), { name: 'TypeError', message: /^user is .*: it has to be text or a number/ });
    await assert.rejects(client.isEnabled('new_ui', user), TypeError);
    assert.throws(() => client.batchEvaluateSync(['new_ui'], user), TypeError);
    assert.throws(() => client.flag('new_ui').enabled(user), TypeError);
    assert.throws(() => client.context(user), TypeError);
  }
  for (const fallback of [null, 'false', 0, {}]) assert.throws(() => client.isEnabledSync('new_ui', 'u', fallback), /defaultValue is .*: it has to be true or false/);
  for (const flags of ['new_ui', undefined, 7, {}]) assert.throws(() => client.batchEvaluateSync(flags, 'u'), /flags is .*: it has to be a list/);
});

test('a user id that is too long is refused, and is in no message', async () => {
  const client = open();
  const secret = 'somebody@example.org'.repeat(4000);
  const refused = (error) => error instanceof TypeError && /user has 80000 bytes of text/.test(error.message) && !error.message.includes('somebody');
  assert.throws(() => client.isEnabledSync('new_ui', secret), refused);
  await assert.rejects(client.isEnabled('new_ui', secret), refused);
  assert.throws(() => client.batchEvaluateSync(['new_ui'], secret), refused);
  assert.throws(() => client.evaluateSync('new_ui', secret), refused);
  assert.throws(() => client.context(secret).isEnabledSync('new_ui'), refused);
});

test('options are checked when the client is made, in the spelling of JavaScript', () => {
  const given = { configServiceUrl: 'http://config-service:8082', environment: 'test' };
  const bad = [
    [{ cacheTTL: 3 }, /there is no option "cacheTTL"; the options are configServiceUrl, environment, apiKey/],
    [{ cacheTtl: '300' }, /cacheTtl is "300": it has to be a number of seconds/],
    [{ cacheTtl: -1 }, /cacheTtl is -1/],
    [{ configServiceUrl: 'config-service:8082' }, /configServiceUrl is "config-service:8082": it has to be a URL/],
    [{ environment: 'pro duction' }, /environment "pro duction" is not a name/],
    [{ evaluation: 'in_process' }, /evaluation is "in_process": it is auto, local or remote/],
    [{ timeout: () => 5 }, /option "timeout" is a function/],
    [{ redis: true }, /redis is a boolean: it has to be a URL, options, or an ioredis client/],
  ];
  for (const [options, message] of bad) assert.throws(() => new FeatureFlagsClient({ ...given, ...options }), message);
  assert.throws(() => new FeatureFlagsClient('http://config-service:8082'), /config is a string: it has to be an object of options/);
  assert.throws(() => FeatureFlagsClient.fromObject([], { environment: 'test' }), /document is a list/);
  assert.throws(() => FeatureFlagsClient.fromFile('/nowhere/flags.yaml', { environment: 'test' }), { code: 'io', message: /\/nowhere\/flags\.yaml cannot be read/ });
});

test('a document with mistakes is refused whole, with every one of them', () => {
  const flags = { a: { type: 'bool' }, b: { type: 'boolean', rulez: [] }, c: { type: 'boolean' } };
  assert.throws(() => FeatureFlagsClient.fromObject({ environments: ['test'], flags }, { environment: 'test' }), (error) => {
    assert.equal(error.code, 'invalid_document');
    assert.match(error.message, /bool/);
    assert.match(error.message, /rulez/);
    return true;
  });
});
