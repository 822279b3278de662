'use strict';
// A client for tests: the real one over flags that the test writes, with a record of what was asked.

const { Core } = require('./core');
const { FeatureFlagsClient } = require('./client');
const { documentJson, flagName, toJson, userId } = require('./convert');

class MockFeatureFlagsClient extends FeatureFlagsClient {
  #core;
  #flags;

  constructor(flags = {}) {
    const core = Core.openMock(documentJson(flags, 'flag'));
    super(core);
    this.#core = core;
    this.#flags = { ...flags };
  }

  set(flag, value, user = undefined) {
    const name = flagName(flag);
    toJson(value, `flag "${name}"`);
    const flags = { ...this.#flags, [name]: user === undefined ? value : forUser(this.#flags[name], userId(user), value) };
    this.#core.handle.setMock(documentJson(flags, 'flag'));
    this.#flags = flags;
  }

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
