// Asks about one flag for many users, each of them once, and says how much memory that takes. See examples/rust/src/soak.rs.
'use strict';

const FeatureFlagsClient = require('../../bindings-node');

const AT_ONCE = 32;
const errand = JSON.parse(process.argv[2]);
const camel = (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
const client = new FeatureFlagsClient(Object.fromEntries(Object.entries(errand.options).map(([name, value]) => [camel(name), value])));
let [next, done, defaults] = [0, 0, 0];
const tell = () => console.log(JSON.stringify([done, process.memoryUsage.rss(), defaults]));

async function ask() {
  while (next < errand.users) {
    const { variant } = await client.evaluate(errand.flag, `user-${next++}`, false);
    if (variant === null) defaults += 1;
    done += 1;
  }
}

(async () => {
  const telling = setInterval(tell, 500);
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  clearInterval(telling);
  tell();
  await client.close();
})();
