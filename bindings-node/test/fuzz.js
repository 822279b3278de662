'use strict';
// Calls the addon's raw functions, below all that `lib/` checks, with whatever there is: `node test/fuzz.js SECONDS [SEED]`.
//
// A call may answer or throw an Error. It may not end the process, or leave a client behind that answers otherwise. The seed is printed first; with it a
// run can be had again.

process.env.JACKSTAFF_LOG ??= 'off';
const assert = require('node:assert/strict');
const { native, epochWord } = require('../lib/native');
const FeatureFlagsClient = require('..');
const { DOCUMENT } = require('./support');

const seconds = Number(process.argv[2]);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 32));
console.log(`seed ${seed}`);

/** Mulberry32. */
let state = seed >>> 0;
function random() {
  state = (state + 0x6d2b79f5) >>> 0;
  let t = Math.imul(state ^ (state >>> 15), state | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
}
const below = (most) => Math.floor(random() * most);
const pick = (list) => list[below(list.length)];

const text = () => String.fromCharCode(...Array.from({ length: below(40) }, () => below(random() < 0.5 ? 0x80 : 0x10000)));
// The lengths at which the buffers on the stack are full.
const long = () => pick(['x', 'é', '€', '\u{1f600}', '\ud800']).repeat(pick([120, 127, 128, 250, 251, 252, 253, 254, 255, 256, 257, 341, 508, 511, 512, 513, 1020, 1023, 1024, 1025, 20_000, 65_536, 65_537]));
const rope = () => ['new', '_', 'ui'].reduce((all, part) => all + part, text().slice(0, below(2)));
const detached = () => {
  const array = new Uint32Array(1);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};
const VALUES = [
  () => undefined, () => null, () => true, () => false, () => 0, () => -1, () => 1.5, () => NaN, () => Infinity, () => 2 ** 32, () => 7n, () => 2n ** 70n, () => Symbol('s'), () => '', text, long, rope,
  () => 'new_ui', () => 'dark_mode', () => 'beta', () => 'theme', () => 'u\0u', () => '{}', () => '{"plan":"pro"}', () => '{"a":', () => '{"a":1e999}', () => `{"deep":${'['.repeat(below(300))}1${']'.repeat(below(300))}}`,
  () => '[]', () => 'null', () => JSON.stringify(DOCUMENT), () => ({}), () => ({ plan: 'pro' }), () => ['new_ui', 'beta'], () => ['new_ui', 7], () => [], () => Array.from({ length: below(100) }, text), () => new Proxy({}, {}),
  () => new Proxy([], { get: () => { throw new Error('mine'); } }), () => () => {}, () => class {}, () => new Date(), () => new Uint32Array(1), () => new Uint32Array(2), () => new Uint8Array(4), () => new Float64Array(1), detached,
  () => new Uint32Array(new SharedArrayBuffer(4)), () => new DataView(new ArrayBuffer(4)), () => epochWord, () => Promise.resolve(1), () => new String('new_ui'), () => Object.create(null), () => handles[0],
];
const value = () => pick(VALUES)();
const values = () => Array.from({ length: pick([0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 6, 9]) }, value);

const client = FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test' });
const open = () => native.open(JSON.stringify({ environment: 'test', bootstrap: DOCUMENT }), epochWord);
const handles = [open(), native.openMock('{"new_ui":true}', epochWord)];
const doors = handles.flatMap((handle) => [handle.checker(), handle.lastingChecker(), handle.flagChecker('new_ui'), handle.flagChecker(long()), handle.batchChecker(['new_ui', 'beta', 'none']), handle.batchChecker([]), handle.evaluator()]);
const waits = new Set(['constructor', 'ready', 'waitForVersion', 'close', 'setMock', 'listen', 'unlisten']);
const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(handles[0])).filter((name) => !waits.has(name));
const functions = ['instruments', 'epochWord', 'open', 'openFile', 'openMock'];

function call() {
  const kind = random();
  if (kind < 0.75) {
    const given = values();
    // Often enough a question that has an answer.
    if (random() < 0.5) given.splice(0, 3, pick(['new_ui', 'beta', 'theme']), pick(['u', text(), long(), null]), random() < 0.5);
    return Reflect.apply(pick(doors), random() < 0.9 ? undefined : value(), given);
  }
  if (kind < 0.95) return Reflect.apply(handles[below(2)][pick(methods)], random() < 0.9 ? pick(handles) : value(), values());
  return Reflect.apply(native[pick(functions)], undefined, values());
}

function check() {
  const [real] = handles;
  const checker = real.checker();
  assert.deepEqual([checker('new_ui', 'u', false), checker('dark_mode', 'u', true), checker('none', 'u', true)], [true, false, true]);
  assert.equal(checker('beta', 'u', false, '{"plan":"pro"}'), true);
  assert.equal(checker('beta', 'u', false), false);
  assert.equal(real.batchChecker(['new_ui', 'beta', 'none'])('u', true), '101');
  assert.equal(real.flagChecker('none')('u'), false, 'a default that is not given is false');
  assert.equal(real.flagChecker('none')('u', true), true);
  assert.equal(checker('new_ui', 'u'.repeat(65_536), false), true);
  assert.throws(() => checker('new_ui', 'u'.repeat(65_537), false), TypeError);
  assert.deepEqual(client.batchEvaluateSync(['new_ui', 'beta'], 'u'), { new_ui: true, beta: false });
}

async function main() {
  // What is thrown is an Error, and so is what a promise of the addon is rejected with.
  process.on('unhandledRejection', (error) => assert(error instanceof Error));
  let calls = 0;
  const end = Date.now() + seconds * 1000;
  for (;;) {
    calls += 1;
    try {
      call();
    } catch (error) {
      assert(error instanceof Error, `call ${calls}: ${String(error)}`);
    }
    if (calls % 2000 === 0) {
      check();
      if (Date.now() > end) break;
      await new Promise(setImmediate); // promises are settled, and what was made can be collected
    }
  }
  console.log(`${calls} calls of ${doors.length} doors, ${methods.length} methods and ${functions.length} functions`);
  await client.close();
}

main();
