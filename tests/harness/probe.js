// Answers questions about flags on standard input, one JSON object a line. See examples/rust/src/probe.rs.
'use strict';

const readline = require('node:readline');
const FeatureFlagsClient = require('../../bindings-node');

const GETTERS = { boolean: 'getBoolSync', string: 'getStringSync', integer: 'getNumberSync', double: 'getNumberSync', json: 'getObjectSync' };

function nanoseconds(call, calls = 20000, rounds = 5) {
  let best = Infinity;
  for (let round = 0; round < rounds; round++) {
    const begun = process.hrtime.bigint();
    for (let n = 0; n < calls; n++) call();
    best = Math.min(best, Number(process.hrtime.bigint() - begun) / calls);
  }
  return best;
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

let client;

async function answer(question) {
  const { flag, user_id: user, attributes } = question;
  switch (question.do) {
    case 'open':
      client = new FeatureFlagsClient(question.options);
      await client.ready(10);
      return { ready: true };
    case 'evaluate': {
      const found = client.evaluateSync(flag, user, question.default, attributes, question.type);
      const getter = GETTERS[question.type];
      const value = client[getter](flag, user, question.default, attributes);
      // What the question is asked with is what is timed: isEnabledSync for a boolean flag, the typed getter for others.
      let call = () => client.isEnabledSync(flag, user);
      if (attributes) call = () => client.isEnabledSync(flag, user, false, attributes);
      if (question.type !== 'boolean') call = () => client[getter](flag, user, question.default, attributes);
      return { ...found, value, ns: nanoseconds(call) };
    }
    case 'batch':
      return client.batchEvaluateSync(question.flags, user, false, attributes);
    case 'watch': {
      const deadline = Date.now() + 20000;
      while (client.isEnabledSync(flag, user, !question.until) !== question.until) {
        if (Date.now() > deadline) throw new Error('the change did not arrive');
        await sleep(0);
      }
      return { at: performance.timeOrigin + performance.now(), version: client.stats().version };
    }
    case 'stats':
      return client.stats();
    default:
      return { error: `cannot do ${question.do}` };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const reply = await answer(JSON.parse(line)).catch((error) => ({ error: String(error) }));
    console.log(JSON.stringify(reply));
  }
})();
