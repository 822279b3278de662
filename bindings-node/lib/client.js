'use strict';
// The client, as the guide has it and more. Every method converts, calls the core and converts; what is decided is decided there.

const { Core, TYPES, filled } = require('./core');
const { Context, Flag } = require('./context');
const { attributesJson, booleanDefault, documentJson, evaluation, flagName, kind, refused, userId } = require('./convert');
const log = require('./log');
const { redisUrl } = require('./redis');

class FeatureFlagsClient {
  #core;
  #doors;

  constructor(config = {}) {
    const core = config instanceof Core ? config : opened(config ?? {}, (json) => Core.open(json));
    this.#core = core;
    this.#doors = core.doors;
    /** The `redis` option as it was given; the client neither uses nor closes it. */
    this.redis = config?.redis ?? null;
  }

  static fromEnv(options = {}) {
    return new FeatureFlagsClient(options);
  }

  static fromFile(path, options = {}) {
    const { format = 'native', ...rest } = options;
    if (typeof path !== 'string') throw refused('path', `is ${kind(path)}: it has to be the path of a file`);
    if (typeof format !== 'string') throw refused('format', `is ${kind(format)}: it has to be the name of a flag format`);
    return new FeatureFlagsClient(opened(rest, (json) => Core.openFile(path, format, json)));
  }

  static fromObject(document, options = {}) {
    documentJson(document, 'document'); // for a message that says "document" and not "option"
    return new FeatureFlagsClient({ ...options, bootstrap: document });
  }

  isEnabledSync(flag, user, defaultValue = false, context = undefined) {
    if (context === undefined) {
      const answer = this.#doors.get(flag)?.(user, defaultValue);
      if (answer === true || answer === false) return answer;
    }
    return this.#core.enabledSync(flag, user, defaultValue, attributesJson(context));
  }

  async isEnabled(flag, user, defaultValue = false, context = undefined) {
    if (context === undefined) {
      const answer = this.#doors.get(flag)?.(user, defaultValue);
      if (answer === true || answer === false) return answer;
    }
    return this.#core.enabled(flag, user, defaultValue, attributesJson(context));
  }

  batchEvaluateSync(flags, user, defaultValue = false, context = undefined) {
    const [names, id, fallback, json] = [namesOf(flags), userId(user), booleanDefault(defaultValue), attributesJson(context)];
    const answers = this.#core.batchNow(names, id, fallback, json);
    if (answers !== undefined) return answers;
    this.#core.handle.fetch(names, id, json);
    return filled(names, (at) => this.#core.check(names[at], id, fallback, json) ?? fallback);
  }

  async batchEvaluate(flags, user, defaultValue = false, context = undefined) {
    const [names, id, fallback, json] = [namesOf(flags), userId(user), booleanDefault(defaultValue), attributesJson(context)];
    const answers = this.#core.batchNow(names, id, fallback, json);
    if (answers !== undefined) return answers;
    const found = await this.#core.later(names, id, json, TYPES.boolean, fallback);
    return filled(names, (at) => found[at].value);
  }

  evaluateSync(flag, user, defaultValue = null, context = undefined, type = 'any') {
    return this.#core.evaluateSync(flag, user, defaultValue, attributesJson(context), typeNumber(type));
  }

  async evaluate(flag, user, defaultValue = null, context = undefined, type = 'any') {
    return this.#core.evaluate(flag, user, defaultValue, attributesJson(context), typeNumber(type));
  }

  explain(flag, user, context = undefined) {
    const text = this.#core.explain(flagName(flag), userId(user), attributesJson(context));
    if (text === null) return null;
    const [answer, steps] = JSON.parse(text);
    return { evaluation: evaluation(flag, answer, null), steps };
  }

  context(user, attributes = undefined) {
    return new Context(this.#core, user, attributes);
  }

  flag(name) {
    return new Flag(this.#core, name);
  }

  async ready(timeout = 5) {
    settled(await this.#core.handle.ready(timeout));
  }

  async waitForVersion(version, timeout = 5) {
    if (!Number.isSafeInteger(version) || version < 0) throw refused('version', 'has to be a whole number');
    settled(await this.#core.handle.waitForVersion(version, timeout));
  }

  onChange(listener) {
    if (typeof listener !== 'function') throw refused('listener', `is ${kind(listener)}: it has to be a function`);
    this.#core.listen(listener);
    return () => this.#core.unlisten(listener);
  }

  on(event, listener) {
    if (event !== 'change') throw refused('event', `is "${String(event)}": there is only "change"`);
    this.onChange(listener);
    return this;
  }

  off(event, listener) {
    if (event === 'change') this.#core.unlisten(listener);
    return this;
  }

  stats() {
    const stats = JSON.parse(this.#core.handle.stats());
    stats.checks += this.#core.repeated;
    stats.byOrigin.local += this.#core.repeated;
    stats.listeners = this.#core.listeners.size; // the core knows one for all of them, and one of our own
    return stats;
  }

  get configServiceUrl() {
    return this.#about().configServiceUrl;
  }

  get environment() {
    return this.#about().environment;
  }

  get cacheTtl() {
    return this.#about().cacheTtl;
  }

  #about() {
    return JSON.parse(this.#core.handle.about());
  }

  async close() {
    this.#core.close();
  }

  async [Symbol.asyncDispose]() {
    this.#core.close();
  }
}

// The typed getters: `getString(flag, user, defaultValue, context)` and `getStringSync(…)` alike, one pair for each type.
for (const [name, type] of [['getBool', 'boolean'], ['getString', 'string'], ['getInt', 'integer'], ['getNumber', 'double'], ['getObject', 'json']]) {
  const value = (found, defaultValue) => (typeof found.value === 'bigint' ? defaultValue : found.value); // no number holds it
  const needed = (defaultValue) => {
    if (defaultValue === undefined) throw refused('defaultValue', `is undefined: ${name} needs one`);
  };
  const getters = {
    [name]: async function (flag, user, defaultValue, context) {
      needed(defaultValue);
      return value(await this.evaluate(flag, user, defaultValue, context, type), defaultValue);
    },
    [`${name}Sync`]: function (flag, user, defaultValue, context) {
      needed(defaultValue);
      return value(this.evaluateSync(flag, user, defaultValue, context, type), defaultValue);
    },
  };
  for (const [key, getter] of Object.entries(getters)) {
    Object.defineProperty(getter, 'name', { value: key });
    Object.defineProperty(FeatureFlagsClient.prototype, key, { value: getter, writable: true, configurable: true });
  }
}

/** What `open` makes of the options, with their logger in use from the first line on. */
function opened(config, open) {
  if (typeof config !== 'object' || Array.isArray(config)) throw refused('config', `is ${kind(config)}: it has to be an object of options`);
  const { redis, logger, ...options } = config;
  const url = redisUrl(redis);
  const json = documentJson(url === undefined ? options : { redisUrl: url, ...options }, 'option');
  const leave = log.use(logger);
  try {
    const core = open(json);
    core.leaveLog = leave;
    log.whenCollected(core, leave);
    return core;
  } catch (error) {
    leave();
    throw error;
  }
}

function namesOf(flags) {
  if (Array.isArray(flags)) return flags;
  if (typeof flags === 'object' && flags !== null && typeof flags[Symbol.iterator] === 'function') return [...flags];
  throw refused('flags', `is ${kind(flags)}: it has to be a list of flag names`);
}

function typeNumber(type) {
  const number = Object.hasOwn(TYPES, type) ? TYPES[type] : undefined;
  if (number === undefined) throw refused('type', `is "${String(type)}": it is one of ${Object.keys(TYPES).join(', ')}`);
  return number;
}

/** Throws the error that a promise of the core was fulfilled with: `code`, a line break, the message. */
function settled(text) {
  if (text === '') return;
  const end = text.indexOf('\n');
  throw Object.assign(new Error(text.slice(end + 1)), { code: text.slice(0, end) });
}

module.exports = { FeatureFlagsClient, Context, Flag };
