'use strict';
// The guide's `redis` option, with the library that the guide uses.

const test = require('node:test');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const net = require('node:net');
const Redis = require('ioredis');
const { PACKAGE, guide, run, serve } = require('./support');
const FeatureFlagsClient = require('..');
const { redisOptions } = require('../lib/redis');

const lazy = { lazyConnect: true };

test('guide_flaw_28 the settings of an ioredis client are read, whatever it was made from', () => {
  const made = [
    [new Redis('redis://localhost:6379', lazy), 'redis://localhost:6379/0'],
    [new Redis('rediss://svc:p%40ss@redis.internal:6380/2', lazy), 'rediss://svc:p%40ss@redis.internal:6380/2'],
    [new Redis({ host: 'redis.internal', port: 7000, db: 3, password: 'x', ...lazy }), 'redis://:x@redis.internal:7000/3'],
    [new Redis({ path: '/run/redis.sock', ...lazy }), 'unix:///run/redis.sock'],
    [new Redis.Cluster([{ host: 'a', port: 7001 }, { host: 'b', port: 7002 }], { ...lazy, redisOptions: { password: 'y' } }), 'redis+cluster://:y@a:7001,b:7002'],
    [new Redis({ sentinels: [{ host: 'a' }, { host: 'b', port: 5 }], name: 'shop', db: 2, password: 'y', sentinelPassword: 'x', ...lazy }),
      'redis+sentinel://:y@a:26379,b:5/shop/2?sentinel_password=x'],
  ];
  for (const [redis, url] of made) {
    assert.equal(redisOptions(redis).redisUrl, url);
    const client = new FeatureFlagsClient({ configServiceUrl: 'http://127.0.0.1:1', environment: 'test', redis });
    assert.equal(client.redis, redis);
    client.isEnabledSync('new_ui', 'u1');
    client.close();
    assert.equal(redis.status, 'wait', 'the caller\'s client was neither connected nor closed');
    redis.disconnect();
  }
});

test('certificates are handed on', () => {
  const tls = new Redis({ tls: { ca: [Buffer.from('-----BEGIN CERTIFICATE-----')] }, ...lazy });
  assert.equal(redisOptions(tls).redisCa, '-----BEGIN CERTIFICATE-----');
  tls.disconnect();
});

test('no connection is made by making a client', async () => {
  let connections = 0;
  const server = net.createServer(() => (connections += 1));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  for (const redis of [`redis://127.0.0.1:${server.address().port}`, { host: '127.0.0.1', port: server.address().port }]) {
    const client = new FeatureFlagsClient({ configServiceUrl: 'http://127.0.0.1:1', environment: 'test', redis });
    await client.close();
  }
  assert.equal(connections, 0);
  await new Promise((done) => server.close(done));
});

test('the usage that the guide shows runs as it is', async () => {
  const service = await serve(guide({ new_ui: { enabled: true }, dark_mode: { enabled: false } }));
  const usage = fs.readFileSync(`${PACKAGE}/test/usage.txt`, 'utf8')
    .replace("require('./featureFlagsClient')", "require('./featureFlagsClient.js')")
    .replace('http://config-service:8082', service.url);
  const { out, err } = await run(`(async () => { ${usage}\n console.log(enabled, JSON.stringify(results)); process.exit(); })()`);
  await service.close();
  assert.equal(out, 'true {"new_ui":true,"dark_mode":false,"beta_features":false}\n', err);
});
