'use strict';
// A request's context, and a flag that is asked about often.

const { TYPES } = require('./core');
const { word } = require('./native');
const { attributesJson, flagName, userId } = require('./convert');

/** The most answers that a context keeps; beyond it checks are evaluated each time. */
const MAX_KEPT = 1000;

/**
 * One user with attributes, for as long as a request: converted once, and a check that repeats is answered from what the context
 * kept. What depends on the time, or came from the service, is not kept; and any change of flags makes all of it old.
 */
class Context {
  #core;
  #user;
  #json;
  #epoch;
  #kept = new Map();

  /**
   * Made by the client.
   * @private
   */
  constructor(core, user, attributes) {
    this.#core = core;
    this.#user = userId(user);
    this.#json = attributesJson(attributes);
    this.#epoch = word[0];
  }

  /**
   * The user id as text; null for nobody.
   * @type {string | null}
   */
  get user() {
    return this.#user;
  }

  /**
   * As the client's `isEnabledSync`.
   * @type {(flag: string, defaultValue?: boolean) => boolean}
   */
  isEnabledSync(flag, defaultValue = false) {
    return this.#now(flag, defaultValue) ?? this.#core.enabledSync(flag, this.#user, defaultValue, this.#json);
  }

  /**
   * As the client's `isEnabled`.
   * @type {(flag: string, defaultValue?: boolean) => Promise<boolean>}
   */
  async isEnabled(flag, defaultValue = false) {
    return this.#now(flag, defaultValue) ?? this.#core.enabled(flag, this.#user, defaultValue, this.#json);
  }

  #now(flag, defaultValue) {
    // The word is read before the evaluation: an answer that a change overtakes is kept under the word before it.
    if (word[0] !== this.#epoch) {
      this.#kept.clear();
      this.#epoch = word[0];
    }
    const kept = this.#kept.get(flag);
    if (kept !== undefined) {
      this.#core.repeated += 1;
      return kept;
    }
    const bits = this.#core.lasting(flag, this.#user, defaultValue, this.#json);
    if (typeof bits !== 'number') return undefined;
    const enabled = (bits & 1) === 1;
    if (bits > 1 && this.#kept.size < MAX_KEPT) this.#kept.set(flag, enabled);
    return enabled;
  }

  /**
   * As the client's `evaluateSync`.
   * @type {<T = null>(flag: string, defaultValue?: T, type?: Type) => Evaluation<T>}
   */
  evaluateSync(flag, defaultValue = null, type = 'any') {
    return this.#core.evaluateSync(flag, this.#user, defaultValue, this.#json, TYPES[type]);
  }

  /**
   * As the client's `evaluate`.
   * @type {<T = null>(flag: string, defaultValue?: T, type?: Type) => Promise<Evaluation<T>>}
   */
  async evaluate(flag, defaultValue = null, type = 'any') {
    return this.#core.evaluate(flag, this.#user, defaultValue, this.#json, TYPES[type]);
  }
}

/** A boolean flag of a client: its name crosses once, not with each check. Made by `client.flag(name)`. */
class Flag {
  #core;
  #check;

  /**
   * Made by the client.
   * @private
   */
  constructor(core, name) {
    /** @type {string} */
    this.name = flagName(name);
    this.#core = core;
    this.#check = core.door(name);
  }

  /**
   * As the client's `isEnabledSync`.
   * @type {(user: User, defaultValue?: boolean, context?: Attributes) => boolean}
   */
  enabled(user, defaultValue = false, context = undefined) {
    if (context === undefined) {
      const answer = defaultValue === false ? this.#check(user) : this.#check(user, defaultValue);
      if (answer === true || answer === false) return answer;
    }
    return this.#core.enabledSync(this.name, user, defaultValue, attributesJson(context));
  }
}

module.exports = { Context, Flag };
