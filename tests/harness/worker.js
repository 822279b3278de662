// Checks flags without a pause until its input ends, and writes every answer down. See workers.py and examples/rust/src/worker.rs.
'use strict';

const path = require('node:path');

const errand = JSON.parse(process.argv[2]);
const { flags, users } = errand;
const pause = (errand.pause ?? 0.005) * 1000;
const now = () => Date.now() / 1000;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());

let over = false;
process.stdin.resume();
process.stdin.on('end', () => (over = true));

function open() {
  const { options } = errand;
  if (errand.kind !== 'guide') {
    const FeatureFlagsClient = require('../../bindings-node');
    const client = new FeatureFlagsClient(Object.fromEntries(Object.entries(options).map(([name, value]) => [camel(name), value])));
    const ask = async (flag, user) => {
      const { value, version, epoch, origin, reason, age } = await client.evaluate(flag, user, false);
      return [value, version, epoch, origin, reason, age];
    };
    return { ask, close: () => client.close() };
  }
  // The integration guide's own client: its text was written where axios and ioredis can be found.
  const Guide = require(path.resolve(errand.guide));
  const url = new URL(options.redis_url);
  const client = new Guide({
    configServiceUrl: options.config_service_url,
    environment: options.environment,
    cacheTtl: options.cache_ttl,
    redis: { host: url.hostname, port: Number(url.port) },
  });
  client.redis.on('error', () => {}); // the guide has no listener; without one each reconnect is a page of stack trace
  return { ask: async (flag, user) => [await client.isEnabled(flag, user), 0, '', '', '', 0], close: () => client.redis.disconnect() };
}

(async () => {
  const { ask, close } = open();
  for (let number = errand.seed ?? 0; !over; number++) {
    const [flag, user] = [flags[number % flags.length], users[Math.floor(number / flags.length) % users.length]];
    const begun = now();
    let [told, error] = [[null, 0, '', '', '', 0], null];
    try {
      told = await ask(flag, user);
    } catch (thrown) {
      error = String(thrown);
    }
    console.log(JSON.stringify([begun, now(), flag, user, ...told, error]));
    await sleep(pause);
  }
  await close();
})();
