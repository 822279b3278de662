'use strict';
// W7 in Node: `node node_client.cjs guide|jackstaff|jackstaff-remote URL REDIS_URL SECONDS [GUIDE_MODULE]`; see python_client.py.

const [kind, url, redisUrl, seconds, module_] = process.argv.slice(2);
const FLAGS = Array.from({ length: 50 }, (_, number) => `b${String(number).padStart(5, '0')}`);
const USERS = Array.from({ length: 500 }, (_, number) => `user-${String(number).padStart(11, '0')}`);
const BLOCKS = 7;
const QUANTILES = { p50_ns: 0.5, p99_ns: 0.99, p999_ns: 0.999 };
const MOST_TIMED = 20_000;
const [SHARED, KEPT] = [3_000, 10_000];

const cpu = () => { const used = process.cpuUsage(); return (used.user + used.system) * 1e3; };
const wall = () => Number(process.hrtime.bigint());

async function timed(call) {
  let at = 0, begun = wall();
  for (; at < 10; at++) await call(at);
  const count = Math.max(5, Math.floor((Number(seconds) * 1e9) / BLOCKS / Math.max((wall() - begun) / 10, 100)));
  const walls = [], cpus = [];
  for (let block = 0; block < BLOCKS; block++) {
    const [w, c] = [wall(), cpu()];
    for (let n = 0; n < count; n++) if (!(await call(at++))) throw new Error('a flag that is on for all was answered off');
    walls.push((wall() - w) / count);
    cpus.push((cpu() - c) / count);
  }
  walls.sort((a, b) => a - b);
  const [quantiles] = await oneByOne(call, at, Math.min(count * BLOCKS, MOST_TIMED));
  return { median_ns: walls[BLOCKS >> 1], min_ns: walls[0], cpu_min_ns: Math.min(...cpus), ...quantiles };
}

/** The quantiles of calls that are timed each by itself, and their mean. */
async function oneByOne(call, from, count) {
  const each = [];
  for (let at = from; at < from + count; at++) {
    const begun = wall();
    const answer = await call(at);
    each.push(wall() - begun);
    if (!answer) throw new Error('a flag that is on for all was answered off');
  }
  each.sort((a, b) => a - b);
  const quantiles = Object.entries(QUANTILES).map(([name, share]) => [name, each[Math.min(each.length - 1, Math.floor(each.length * share))]]);
  return [Object.fromEntries(quantiles), each.reduce((sum, one) => sum + one, 0) / each.length];
}

async function made() {
  if (kind === 'guide') {
    const Client = require(module_), { hostname: host, port } = new URL(redisUrl);
    return new Client({ configServiceUrl: url, environment: 'production', cacheTtl: 300, redis: { host, port: Number(port) } });
  }
  const Client = require('../../bindings-node');
  const client = new Client({ configServiceUrl: url, environment: 'production', redis: redisUrl, evaluation: kind === 'jackstaff' ? 'local' : 'remote' });
  await client.ready(20);
  return client;
}

(async () => {
  const client = await made();
  for (const user of USERS) await client.isEnabled('on', user);
  await client.batchEvaluate(FLAGS, USERS[0]);
  const results = {
    hit: await timed((at) => client.isEnabled('on', USERS[at % USERS.length])),
    batch: await timed(async () => { const answers = Object.values(await client.batchEvaluate(FLAGS, USERS[0])); return answers.length === 50 && answers.every(Boolean); }),
    miss: await timed((at) => client.isEnabled('on', `new-${process.pid}-${at}`)),
  };
  if (kind !== 'jackstaff') { // with the flags in the process nothing is fetched, and no answer kept
    for (let number = 0; number < SHARED; number++) await client.isEnabled('on', `shared-${number}`);
    await new Promise((done) => setTimeout(done, 500)); // the last are still being written
    const other = await made();
    await other.isEnabled('on', 'shared-0');
    const [quantiles, mean] = await oneByOne((at) => other.isEnabled('on', `shared-${at}`), 1, SHARED - 1);
    results.shared = { min_ns: mean, ...quantiles };
  }
  if (kind === 'jackstaff-remote') {
    const before = process.memoryUsage.rss();
    for (let number = 0; number < KEPT; number++) await client.isEnabled('on', `kept-${String(number).padStart(11, '0')}`);
    results.memory = { bytes_an_answer: (process.memoryUsage.rss() - before) / KEPT };
  }
  console.log(JSON.stringify({ lang: 'node', peer: kind, results }));
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
