'use strict';
// A client for tests: the real one over flags that the test writes, with a record of what was asked.

const { Core } = require('./core');
const { FeatureFlagsClient } = require('./client');
const { documentJson, flagName, toJson, userId } = require('./convert');

/** The client for tests: the same class and the same core over flags that the test gives; no file, no network. */
class MockFeatureFlagsClient extends FeatureFlagsClient {
  #core;
  #flags;

  /** @type {(flags?: { [flag: string]: MockFlag }) => MockFeatureFlagsClient} */
  constructor(flags = {}) {
    const core = Core.openMock(documentJson(flags, 'flag'));
    super(core);
    this.#core = core;
    this.#flags = { ...flags };
  }

  /**
   * Gives a flag a value, for everybody or for one user.
   * @type {(flag: string, value: MockFlag, user?: string | number | bigint) => void}
   */
  set(flag, value, user = undefined) {
    const name = flagName(flag);
    toJson(value, `flag "${name}"`);
    const flags = { ...this.#flags, [name]: user === undefined ? value : forUser(this.#flags[name], userId(user), value) };
    this.#core.handle.setMock(documentJson(flags, 'flag'));
    this.#flags = flags;
  }

  /**
   * The checks so far, oldest first; at most 10 000.
   * @type {Check[]}
   */
  get checks() {
    return JSON.parse(this.#core.handle.recorded());
  }
}

/** The flag with one user's own value. */
function forUser(flag, user, value) {
  const isSplit = typeof flag === 'object' && flag !== null && ('value' in flag || 'users' in flag);
  const base = isSplit || flag === undefined ? { ...flag } : { value: flag };
  return { ...base, users: { ...base.users, [user]: value } };
}

module.exports = { MockFeatureFlagsClient };
