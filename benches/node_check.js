// Nanoseconds per check in Node, beside floors measured in the same run: `node benches/node_check.js`.
// Each figure is the best of several rounds.
'use strict';

const path = require('node:path');
const FeatureFlagsClient = require('../bindings-node');

const ROUNDS = 9;
const CALLS = 200000;
const client = FeatureFlagsClient.fromObject(require(path.join(__dirname, 'flags.json')));
const attributes = { country: 'DE', plan: 'pro', version: '2.4.1' };
const names = Array.from({ length: 50 }, (_, at) => `batch-${String(at).padStart(2, '0')}`);

function best(call, calls = CALLS) {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.hrtime.bigint();
    for (let n = 0; n < calls; n++) call(n);
    least = Math.min(least, Number(process.hrtime.bigint() - begun) / calls);
  }
  return least;
}

async function bestAwaited(call, calls = CALLS) {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begun = process.hrtime.bigint();
    for (let n = 0; n < calls; n++) await call();
    least = Math.min(least, Number(process.hrtime.bigint() - begun) / calls);
  }
  return least;
}

const show = (title, ns) => console.log(`${title.padEnd(46)} ${ns.toFixed(0).padStart(8)}`);

(async () => {
  const map = new Map([['on', true]]);
  const request = client.context('user-500', attributes);
  const handle = client.flag('half');
  console.log('ns per check, Node, one thread');
  show('floor: Map.get', best(() => map.get('on')));
  show('on', best(() => client.isEnabledSync('on', 'user-500')));
  show('a list of 1 000 ids', best(() => client.isEnabledSync('targets', 'user-500')));
  show('50 % rollout', best(() => client.isEnabledSync('half', 'user-500')));
  show('three attributes and 25 %, an object', best(() => client.isEnabledSync('rules', 'user-500', false, attributes), CALLS / 10));
  show('three attributes and 25 %, a context, repeated', best(() => request.isEnabledSync('rules')));
  show('50 % rollout by a handle', best(() => handle.enabled('user-500')));
  show('50 flags as an object', best(() => client.batchEvaluateSync(names, 'user-500'), CALLS / 100));
  show('floor: a resolved promise, awaited', await bestAwaited(() => Promise.resolve(true)));
  show('50 % rollout, awaited', await bestAwaited(() => client.isEnabled('half', 'user-500')));
  await client.close();
})();
