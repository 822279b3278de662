'use strict';
// The guide's `redis` option: a URL, ioredis's options, or a client that the caller made. Its settings are read and nothing else:
// no connection is opened here, and the caller's is never used or closed.

const { refused, kind } = require('./convert');

/** The URL that `redis` means; undefined if there is none. */
function redisUrl(redis) {
  if (redis === undefined || redis === null || redis === false) return undefined;
  if (typeof redis === 'string') return redis;
  if (typeof redis === 'number') return url({ port: redis });
  if (typeof redis !== 'object') throw refused('redis', `is ${kind(redis)}: it has to be a URL, options, or an ioredis client`);
  if (redis.isCluster) {
    const first = redis.startupNodes?.[0] ?? {};
    return typeof first === 'string' ? first : url({ ...redis.options?.redisOptions, ...(typeof first === 'object' ? first : { port: first }) });
  }
  return url(typeof redis.options === 'object' && redis.options !== null ? redis.options : redis);
}

function url(options) {
  if (typeof options.url === 'string') return options.url;
  const settings = { ...options, ...options.socket };
  if (settings.path) return `unix://${settings.path}`;
  const secret = settings.password ? `${encodeURIComponent(settings.username ?? '')}:${encodeURIComponent(settings.password)}@` : '';
  const host = String(settings.host ?? 'localhost');
  const place = host.includes(':') ? `[${host}]` : host;
  return `${settings.tls ? 'rediss' : 'redis'}://${secret}${place}:${settings.port ?? 6379}/${settings.db ?? settings.database ?? 0}`;
}

module.exports = { redisUrl };
