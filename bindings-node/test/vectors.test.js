'use strict';
// The vectors that every language runs.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
require('./support');
const { FeatureFlagsClient } = require('..');

const FOLDER = path.join(__dirname, '..', '..', 'tests', 'vectors');

test('vectors', async (t) => {
  let count = 0;
  for (const file of fs.readdirSync(FOLDER).filter((name) => name.endsWith('.json')).sort()) {
    const vectors = JSON.parse(fs.readFileSync(path.join(FOLDER, file), 'utf8'));
    const client = FeatureFlagsClient.fromObject(vectors.document ?? vectors.ruleset, { environment: vectors.environment });
    await t.test(vectors.name, async () => {
      for (const one of vectors.cases) {
        const user = one.context.user_id ?? null;
        const attributes = one.context.attributes;
        const asked = [one.flag, user, one.default, attributes, one.type];
        const answer = client.evaluateSync(...asked);
        const { value, enabled, variant, reason, rule, error } = answer;
        const expected = { rule: null, error: null, ...one.expect };
        const known = Object.fromEntries(Object.keys(expected).map((key) => [key, { value, enabled, variant, reason, rule, error }[key]]));
        assert.deepEqual(known, expected, `${vectors.name}: ${one.says}`);
        const { age: _age, ...awaited } = await client.evaluate(...asked);
        const { age: _same, ...now } = answer;
        assert.deepEqual(awaited, now, `${vectors.name}: ${one.says}: awaited`);
        if (one.type === 'boolean') {
          const says = `${vectors.name}: ${one.says}: isEnabled`;
          assert.equal(client.isEnabledSync(one.flag, user, one.default, attributes), expected.value, says);
          assert.equal(await client.isEnabled(one.flag, user, one.default, attributes), expected.value, says);
          assert.equal(client.batchEvaluateSync([one.flag], user, one.default, attributes)[one.flag], expected.value, says);
          const context = client.context(user, attributes);
          assert.equal(context.isEnabledSync(one.flag, one.default), expected.value, says);
          assert.equal(context.isEnabledSync(one.flag, one.default), expected.value, `${says}, repeated`);
          assert.equal(client.flag(one.flag).enabled(user, one.default, attributes), expected.value, `${says}, by handle`);
        }
        count += 1;
      }
    });
    await client.close();
  }
  console.log(`vectors: ${count} of ${count} passed in Node`);
  assert.ok(count >= 150, `only ${count} vectors`);
});
