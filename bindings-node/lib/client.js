'use strict';
// The client, as the guide has it and more. Every method converts, calls the core and converts; what is decided is decided there.

const { Core, TYPES, filled } = require('./core');
const { Context, Flag } = require('./context');
const { attributesJson, booleanDefault, documentJson, evaluation, flagName, kind, refused, userId } = require('./convert');
const log = require('./log');
const { redisOptions } = require('./redis');

const MEASURES = Symbol.for('jackstaff.measures');

/** A client for one environment's flags. Make one and share it; making it connects to nothing and blocks nothing. */
class FeatureFlagsClient {
  #core;
  #doors;

  /**
   * A client with these options; what is not given comes from the environment variables `CONFIG_SERVICE_URL`, `ENVIRONMENT`,
   * `JACKSTAFF_API_KEY`, `JACKSTAFF_EVALUATION` and `REDIS_URL`.
   * @throws Error with code `invalid_argument`, naming the option: one that is unknown, wrong, or needed and missing.
   * @type {(config?: Options) => FeatureFlagsClient}
   */
  constructor(config = {}) {
    const core = config instanceof Core ? config : opened(config ?? {}, (json) => Core.open(json));
    this.#core = core;
    this.#doors = core.doors;
    // The numbers of `stats()` for `jackstaff/otel`, which may be another copy of this package.
    Object.defineProperty(this, MEASURES, { value: () => core.measures() });
    /**
     * The `redis` option as it was given, or null. The client neither uses the connection nor closes it.
     * @type {unknown}
     */
    this.redis = config?.redis ?? null;
  }

  /**
   * A client configured by the environment variables, and by `options` over them.
   * @type {(options?: Options) => FeatureFlagsClient}
   */
  static fromEnv(options = {}) {
    return new FeatureFlagsClient(options);
  }

  /**
   * A client that lives on a file, which is watched: YAML, JSON or TOML by its ending.
   * @throws Error with code `io`, or `invalid_document` with every mistake and its place.
   * @type {(path: string, options?: FileOptions) => FeatureFlagsClient}
   */
  static fromFile(path, options = {}) {
    const { format = 'native', ...rest } = options;
    if (typeof path !== 'string') throw refused('path', `is ${kind(path)}: it has to be the path of a file`);
    if (typeof format !== 'string') throw refused('format', `is ${kind(format)}: it has to be the name of a flag format`);
    return new FeatureFlagsClient(opened(rest, (json) => Core.openFile(path, format, json)));
  }

  /**
   * A client that lives on a flag document given in memory, or on a ruleset as the service sends it.
   * @throws Error with code `invalid_document`, with every mistake.
   * @type {(document: object, options?: Options) => FeatureFlagsClient}
   */
  static fromObject(document, options = {}) {
    documentJson(document, 'document'); // for a message that says "document" and not "option"
    return new FeatureFlagsClient({ ...options, bootstrap: document });
  }

  /**
   * The same from memory, now. Where memory has no answer yet, the default is served and the answer is fetched in the background for
   * the next caller: await `ready()` once at the start, and in `remote` evaluation prefer `isEnabled`.
   * @throws TypeError for a wrong argument, naming it.
   * @type {(flag: string, user: User, defaultValue?: boolean, context?: Attributes) => boolean}
   */
  isEnabledSync(flag, user, defaultValue = false, context = undefined) {
    if (context === undefined) {
      const answer = told(this.#doors.get(flag), user, defaultValue);
      if (answer === true || answer === false) return answer;
    }
    return this.#core.enabledSync(flag, user, defaultValue, attributesJson(context));
  }

  /**
   * Is the flag on for this user? A disabled flag is false whatever the default; `defaultValue` (false) serves where nobody can say:
   * an unknown flag, one that is not boolean, a service that fails. Waits at most the `timeout` option, and only where memory has no
   * answer. Rejects for nothing but a wrong argument (TypeError).
   * @type {(flag: string, user: User, defaultValue?: boolean, context?: Attributes) => Promise<boolean>}
   */
  async isEnabled(flag, user, defaultValue = false, context = undefined) {
    if (context === undefined) {
      const answer = told(this.#doors.get(flag), user, defaultValue);
      if (answer === true || answer === false) return answer;
    }
    return this.#core.enabled(flag, user, defaultValue, attributesJson(context));
  }

  /**
   * The same from memory, now; see `isEnabledSync`.
   * @type {(flags: Iterable<string>, user: User, defaultValue?: boolean, context?: Attributes) => Record<string, boolean>}
   */
  batchEvaluateSync(flags, user, defaultValue = false, context = undefined) {
    const [names, id, fallback, json] = [namesOf(flags), userId(user), booleanDefault(defaultValue), attributesJson(context)];
    const answers = this.#core.batchNow(names, id, fallback, json);
    if (answers !== undefined) return answers;
    this.#core.handle.fetch(names, id, json);
    return filled(names, (at) => this.#core.check(names[at], id, fallback, json) ?? fallback);
  }

  /**
   * Several flags for one user, with one trip to the service at most: an object with an entry for each name, always.
   * @type {(flags: Iterable<string>, user: User, defaultValue?: boolean, context?: Attributes) => Promise<Record<string, boolean>>}
   */
  async batchEvaluate(flags, user, defaultValue = false, context = undefined) {
    const [names, id, fallback, json] = [namesOf(flags), userId(user), booleanDefault(defaultValue), attributesJson(context)];
    const answers = this.#core.batchNow(names, id, fallback, json);
    if (answers !== undefined) return answers;
    const found = await this.#core.later(names, id, json, TYPES.boolean, fallback);
    return filled(names, (at) => found[at].value);
  }

  /**
   * The same from memory, now; without an answer the reason is `not_ready`.
   * @type {<T = null>(flag: string, user: User, defaultValue?: T, context?: Attributes, type?: Type) => Evaluation<T>}
   */
  evaluateSync(flag, user, defaultValue = null, context = undefined, type = 'any') {
    return this.#core.evaluateSync(flag, user, defaultValue, attributesJson(context), typeNumber(type));
  }

  /**
   * The answer with all that is known about it. `type` makes another type the default, with reason `type_mismatch`.
   * @type {<T = null>(flag: string, user: User, defaultValue?: T, context?: Attributes, type?: Type) => Promise<Evaluation<T>>}
   */
  async evaluate(flag, user, defaultValue = null, context = undefined, type = 'any') {
    return this.#core.evaluate(flag, user, defaultValue, attributesJson(context), typeNumber(type));
  }

  /**
   * A boolean flag's value, or the default.
   * @type {(flag: string, user: User, defaultValue: boolean, context?: Attributes) => Promise<boolean>}
   */
  async getBool(flag, user, defaultValue, context = undefined) {
    return plain(await this.evaluate(flag, user, needed(defaultValue, 'getBool'), context, 'boolean'), defaultValue);
  }

  /**
   * The same from memory, now.
   * @type {(flag: string, user: User, defaultValue: boolean, context?: Attributes) => boolean}
   */
  getBoolSync(flag, user, defaultValue, context = undefined) {
    return plain(this.evaluateSync(flag, user, needed(defaultValue, 'getBool'), context, 'boolean'), defaultValue);
  }

  /**
   * A string flag's value, or the default.
   * @type {(flag: string, user: User, defaultValue: string, context?: Attributes) => Promise<string>}
   */
  async getString(flag, user, defaultValue, context = undefined) {
    return plain(await this.evaluate(flag, user, needed(defaultValue, 'getString'), context, 'string'), defaultValue);
  }

  /**
   * The same from memory, now.
   * @type {(flag: string, user: User, defaultValue: string, context?: Attributes) => string}
   */
  getStringSync(flag, user, defaultValue, context = undefined) {
    return plain(this.evaluateSync(flag, user, needed(defaultValue, 'getString'), context, 'string'), defaultValue);
  }

  /**
   * A whole number, or the default; also for one beyond 2^53, which no JavaScript number holds (see `evaluate`).
   * @type {(flag: string, user: User, defaultValue: number, context?: Attributes) => Promise<number>}
   */
  async getInt(flag, user, defaultValue, context = undefined) {
    return plain(await this.evaluate(flag, user, needed(defaultValue, 'getInt'), context, 'integer'), defaultValue);
  }

  /**
   * The same from memory, now.
   * @type {(flag: string, user: User, defaultValue: number, context?: Attributes) => number}
   */
  getIntSync(flag, user, defaultValue, context = undefined) {
    return plain(this.evaluateSync(flag, user, needed(defaultValue, 'getInt'), context, 'integer'), defaultValue);
  }

  /**
   * A number, or the default.
   * @type {(flag: string, user: User, defaultValue: number, context?: Attributes) => Promise<number>}
   */
  async getNumber(flag, user, defaultValue, context = undefined) {
    return plain(await this.evaluate(flag, user, needed(defaultValue, 'getNumber'), context, 'double'), defaultValue);
  }

  /**
   * The same from memory, now.
   * @type {(flag: string, user: User, defaultValue: number, context?: Attributes) => number}
   */
  getNumberSync(flag, user, defaultValue, context = undefined) {
    return plain(this.evaluateSync(flag, user, needed(defaultValue, 'getNumber'), context, 'double'), defaultValue);
  }

  /**
   * A flag's value, whatever JSON it is, or the default.
   * @type {<T = Json>(flag: string, user: User, defaultValue: T, context?: Attributes) => Promise<T>}
   */
  async getObject(flag, user, defaultValue, context = undefined) {
    return plain(await this.evaluate(flag, user, needed(defaultValue, 'getObject'), context, 'json'), defaultValue);
  }

  /**
   * The same from memory, now.
   * @type {<T = Json>(flag: string, user: User, defaultValue: T, context?: Attributes) => T}
   */
  getObjectSync(flag, user, defaultValue, context = undefined) {
    return plain(this.evaluateSync(flag, user, needed(defaultValue, 'getObject'), context, 'json'), defaultValue);
  }

  /**
   * How a flag's answer comes about, step by step; null where the flags are not in this process.
   * @type {(flag: string, user: User, context?: Attributes) => { evaluation: Evaluation<null>; steps: Step[] } | null}
   */
  explain(flag, user, context = undefined) {
    const text = this.#core.explain(flagName(flag), userId(user), attributesJson(context));
    if (text === null) return null;
    const [answer, steps] = JSON.parse(text);
    return { evaluation: evaluation(flag, answer, null), steps };
  }

  /**
   * One user with attributes for the length of a request: converted once, and repeated checks cost next to nothing.
   * @type {(user: User, attributes?: Attributes) => Context}
   */
  context(user, attributes = undefined) {
    return new Context(this.#core, user, attributes);
  }

  /**
   * A boolean flag that is asked about often.
   * @type {(name: string) => Flag}
   */
  flag(name) {
    return new Flag(this.#core, name);
  }

  /**
   * Waits until answers come from memory (or the service is known to offer none for it), at most `timeout` seconds (5). Rejects with code `timeout` or `closed`; the client goes on trying.
   * @type {(timeout?: number) => Promise<void>}
   */
  async ready(timeout = 5) {
    settled(await this.#core.handle.ready(timeout));
  }

  /**
   * Waits until the flags have this version or a later one, at most `timeout` seconds (5). Rejects with code `timeout` or `closed`.
   * @type {(version: number, timeout?: number) => Promise<void>}
   */
  async waitForVersion(version, timeout = 5) {
    if (!Number.isSafeInteger(version) || version < 0) throw refused('version', 'has to be a whole number');
    settled(await this.#core.handle.waitForVersion(version, timeout));
  }

  /**
   * Calls `listener` after each change; the function that is returned ends that. Listeners do not keep the process alive.
   * @type {(listener: (change: Change) => void) => () => void}
   */
  onChange(listener) {
    if (typeof listener !== 'function') throw refused('listener', `is ${kind(listener)}: it has to be a function`);
    this.#core.listen(listener);
    return () => this.#core.unlisten(listener);
  }

  /**
   * The same in the manner of an event emitter; `change` is the only event.
   * @type {(event: 'change', listener: (change: Change) => void) => this}
   */
  on(event, listener) {
    if (event !== 'change') throw refused('event', `is "${String(event)}": there is only "change"`);
    this.onChange(listener);
    return this;
  }

  /**
   * Forgets a listener.
   * @type {(event: 'change', listener: (change: Change) => void) => this}
   */
  off(event, listener) {
    if (event === 'change') this.#core.unlisten(listener);
    return this;
  }

  /**
   * How the client is and what it has done.
   * @type {() => Stats}
   */
  stats() {
    const stats = JSON.parse(this.#core.handle.stats());
    stats.checks += this.#core.repeated;
    stats.byOrigin.local += this.#core.repeated;
    stats.listeners = this.#core.listeners.size; // the core knows one for all of them, and one of our own
    return stats;
  }

  /**
   * The URL of the config service without a closing slash; null for a client that lives on flags of its own.
   * @type {string | null}
   */
  get configServiceUrl() {
    return this.#about().configServiceUrl;
  }

  /**
   * The environment whose flags are asked about.
   * @type {string}
   */
  get environment() {
    return this.#about().environment;
  }

  /**
   * How long an answer of the service may be served, in seconds; 0 keeps none.
   * @type {number}
   */
  get cacheTtl() {
    return this.#about().cacheTtl;
  }

  #about() {
    return JSON.parse(this.#core.handle.about());
  }

  /**
   * Ends the client at once; later checks get their defaults. Harmless when repeated, and not needed for the process to end.
   * @type {() => Promise<void>}
   */
  async close() {
    this.#core.close();
  }

  /**
   * `close()`, for `await using`.
   * @type {() => Promise<void>}
   */
  async [Symbol.asyncDispose]() {
    this.#core.close();
  }
}

/** What a flag's door says, if the flag has one yet. False need not be handed over: the door takes it for granted. */
function told(door, user, defaultValue) {
  if (door === undefined) return undefined;
  return defaultValue === false ? door(user) : door(user, defaultValue);
}

/** The default of a typed getter, which has to be there. */
function needed(defaultValue, getter) {
  if (defaultValue === undefined) throw refused('defaultValue', `is undefined: ${getter} needs one`);
  return defaultValue;
}

/** An answer's value; the default for an integer that no JavaScript number holds. */
function plain(found, defaultValue) {
  return typeof found.value === 'bigint' ? defaultValue : found.value;
}

/** What `open` makes of the options, with their logger in use from the first line on. */
function opened(config, open) {
  if (typeof config !== 'object' || Array.isArray(config)) throw refused('config', `is ${kind(config)}: it has to be an object of options`);
  const { redis, logger, ...options } = config;
  const json = documentJson({ ...redisOptions(redis), ...options }, 'option');
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
