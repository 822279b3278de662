'use strict';
// The guide's `redis` option: a URL, ioredis's options, or a client that the caller made. Its settings are read and nothing else:
// no connection is opened here, and the caller's is never used or closed.

const { refused, kind } = require('./convert');

/** The options `redisUrl` and `redisCa` that `redis` means; none if it means none. */
function redisOptions(redis) {
  if (redis === undefined || redis === null || redis === false) return {};
  if (typeof redis === 'string') return { redisUrl: redis };
  if (typeof redis === 'number') return { redisUrl: url({ port: redis }) };
  if (typeof redis !== 'object') throw refused('redis', `is ${kind(redis)}: it has to be a URL, options, or an ioredis client`);
  if (redis.isCluster) return cluster(redis);
  const settings = typeof redis.options === 'object' && redis.options !== null ? redis.options : redis;
  return { redisUrl: settings.sentinels ? sentinel(settings) : url(settings), ...certificates(settings) };
}

function cluster({ startupNodes = [], options = {} }) {
  const places = startupNodes.map((node) => {
    if (typeof node === 'number') return place({ port: node });
    return typeof node === 'string' ? node.replace(/^\w+:\/\/(.*@)?/, '').replace(/\/.*$/, '') : place(node);
  });
  const settings = options.redisOptions ?? {};
  return { redisUrl: `${settings.tls ? 'rediss' : 'redis'}+cluster://${login(settings)}${places.join(',')}`, ...certificates(settings) };
}

function sentinel(settings) {
  const places = settings.sentinels.map((one) => place({ port: 26379, ...one })).join(',');
  const known = [['sentinel_username', settings.sentinelUsername], ['sentinel_password', settings.sentinelPassword]];
  const query = new URLSearchParams(known.filter(([, value]) => value)).toString();
  const path = `${settings.name}/${settings.db ?? 0}${query && `?${query}`}`;
  return `${settings.tls ? 'rediss' : 'redis'}+sentinel://${login(settings)}${places}/${path}`;
}

function url(options) {
  if (typeof options.url === 'string') return options.url;
  const settings = { ...options, ...options.socket };
  if (settings.path) return `unix://${settings.path}`;
  return `${settings.tls ? 'rediss' : 'redis'}://${login(settings)}${place(settings)}/${settings.db ?? settings.database ?? 0}`;
}

function login({ username, password }) {
  return password ? `${encodeURIComponent(username ?? '')}:${encodeURIComponent(password)}@` : '';
}

function place({ host, port }) {
  const name = String(host ?? 'localhost');
  return `${name.includes(':') ? `[${name}]` : name}:${port ?? 6379}`;
}

/** The certificates that TLS trusts, as text: ioredis takes them as a string or a Buffer, or several of them. */
function certificates({ tls }) {
  return tls?.ca ? { redisCa: [tls.ca].flat().map(String).join('\n') } : {};
}

module.exports = { redisOptions };
