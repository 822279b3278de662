'use strict';
// W7 in Node: `node node_client.cjs guide|jackstaff|jackstaff-remote URL REDIS_URL SECONDS [GUIDE_MODULE]`; see python_client.py.

const [kind, url, redisUrl, seconds, module_] = process.argv.slice(2);
const FLAGS = Array.from({ length: 50 }, (_, number) => `b${String(number).padStart(5, '0')}`);
const USERS = Array.from({ length: 500 }, (_, number) => `user-${String(number).padStart(11, '0')}`);
const BLOCKS = 7;

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
  return { median_ns: walls[BLOCKS >> 1], min_ns: walls[0], cpu_min_ns: Math.min(...cpus) };
}

(async () => {
  let client;
  if (kind === 'guide') {
    const Client = require(module_), { hostname: host, port } = new URL(redisUrl);
    client = new Client({ configServiceUrl: url, environment: 'production', cacheTtl: 300, redis: { host, port: Number(port) } });
  } else {
    const Client = require('../../bindings-node');
    client = new Client({ configServiceUrl: url, environment: 'production', redis: redisUrl, evaluation: kind === 'jackstaff' ? 'local' : 'remote' });
    await client.ready(20);
  }
  for (const user of USERS) await client.isEnabled('on', user);
  await client.batchEvaluate(FLAGS, USERS[0]);
  const results = {
    hit: await timed((at) => client.isEnabled('on', USERS[at % USERS.length])),
    batch: await timed(async () => { const answers = Object.values(await client.batchEvaluate(FLAGS, USERS[0])); return answers.length === 50 && answers.every(Boolean); }),
    miss: await timed((at) => client.isEnabled('on', `new-${process.pid}-${at}`)),
  };
  console.log(JSON.stringify({ lang: 'node', peer: kind, results }));
  process.exit(0);
})().catch((error) => { console.error(error); process.exit(1); });
