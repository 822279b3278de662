'use strict';
// One client's way to the native half: the doors of its checks, and what to do when memory has no answer.

const { native, epochWord } = require('./native');
const { booleanDefault, evaluation, flagName, refused, spelled, unanswered, userId } = require('./convert');

/** What measures are of: name, whether it counts, unit, description, attribute. */
const INSTRUMENTS = JSON.parse(native.instruments());

/** The types that a caller can ask for, by the number that crosses. */
const TYPES = { any: 0, boolean: 1, string: 2, integer: 3, double: 4, json: 5 };

/** The most lists of flags whose doors are kept, and the longest list that is. */
const MAX_BATCHES = 16;
const MAX_BATCH_KEPT = 1024;

/** The most flags that get a door of their own, and the longest name that does. */
const MAX_DOORS = 1000;
const MAX_NAME_KEPT = 128;

/** The most change listeners; one that is added for each request is a leak. */
const MAX_LISTENERS = 1000;

class Core {
  #lasting;

  constructor(handle) {
    this.handle = handle;
    this.check = handle.checker();
    /** A door for each flag that was asked about: a look into this map is cheaper than handing the name over. */
    this.doors = new Map();
    this.evaluator = handle.evaluator();
    /** Checks that a context answered from what it kept. */
    this.repeated = 0;
    this.listeners = new Set();
    this.listening = undefined;
    this.batches = [];
    /** Ends the use of the client's logger. */
    this.leaveLog = () => {};
  }

  static open(optionsJson) {
    return new Core(spelling(() => native.open(optionsJson, epochWord)));
  }

  static openFile(path, format, optionsJson) {
    return new Core(spelling(() => native.openFile(path, format, optionsJson, epochWord)));
  }

  static openMock(flagsJson) {
    return new Core(native.openMock(flagsJson, epochWord));
  }

  /** The door of contexts, made when there is one. */
  get lasting() {
    return (this.#lasting ??= this.handle.lastingChecker());
  }

  /** The door of one flag. */
  door(flag) {
    const known = this.doors.get(flag);
    if (known !== undefined) return known;
    const door = this.handle.flagChecker(flag);
    if (this.doors.size < MAX_DOORS && flag.length <= MAX_NAME_KEPT) this.doors.set(flag, door);
    return door;
  }

  /** The answer of memory, and the flag's door for the next time. */
  now(flag, user, defaultValue, json) {
    if (json === undefined && this.doors.size < MAX_DOORS && flag.length <= MAX_NAME_KEPT) this.door(flag);
    return this.check(flag, user, defaultValue, json);
  }

  /** A check now: memory's answer, else the default, while the answer is fetched for the next caller. */
  enabledSync(flag, user, defaultValue, json) {
    const [name, id, fallback] = [flagName(flag), userId(user), booleanDefault(defaultValue)];
    const answer = this.now(name, id, fallback, json);
    if (typeof answer === 'boolean') return answer;
    if (answer === undefined) this.handle.fetch([name], id, json);
    return fallback;
  }

  /** A check that waits where it has to. */
  async enabled(flag, user, defaultValue, json) {
    const [name, id, fallback] = [flagName(flag), userId(user), booleanDefault(defaultValue)];
    const answer = this.now(name, id, fallback, json);
    if (typeof answer === 'boolean') return answer;
    if (answer === null) return fallback;
    const [found] = await this.later([name], id, json, TYPES.boolean, fallback);
    return found.value;
  }

  /** An evaluation now. */
  evaluateSync(flag, user, defaultValue, json, type) {
    const [name, id] = [flagName(flag), userId(user)];
    const answer = this.evaluator(name, id, json, type, booleanJson(defaultValue));
    if (typeof answer === 'string') return evaluation(name, JSON.parse(answer), defaultValue);
    if (answer === undefined) this.handle.fetch([name], id, json);
    return unanswered(name, defaultValue, answer === null ? 'error' : 'not_ready');
  }

  /** An evaluation that waits where it has to. */
  async evaluate(flag, user, defaultValue, json, type) {
    const [name, id] = [flagName(flag), userId(user)];
    const answer = this.evaluator(name, id, json, type, booleanJson(defaultValue));
    if (typeof answer === 'string') return evaluation(name, JSON.parse(answer), defaultValue);
    if (answer === null) return unanswered(name, defaultValue, 'error');
    const [found] = await this.later([name], id, json, type, defaultValue);
    return found;
  }

  /** Evaluations of several flags with one trip to the service at most. */
  async later(names, user, json, type, defaultValue) {
    const text = await this.handle.later(names, user, json, type, booleanJson(defaultValue));
    if (text === '') return names.map((name) => unanswered(name, defaultValue, 'error'));
    return JSON.parse(text).map((list, at) => evaluation(names[at], list, defaultValue));
  }

  /** An evaluation and its steps as JSON text; null where the flags are not in this process. */
  explain(flag, user, json) {
    try {
      return this.handle.explain(flag, user, json);
    } catch (error) {
      // A door throws its own TypeError; a method of napi-rs knows only Error.
      throw Object.assign(new TypeError(error.message), { code: error.code });
    }
  }

  /** Several checks now: an object with an entry for each name, or undefined if memory lacks one. */
  batchNow(names, user, defaultValue, json) {
    const batch = this.batch(names);
    const answers = batch.check(user, defaultValue, json);
    if (answers === null) return filled(names, () => defaultValue);
    if (answers === undefined) return undefined;
    // A copy of an object that has all the names takes a sixth of the time that giving a new one its names takes.
    const result = { ...batch.allOff };
    for (let at = 0; at < answers.length; at += 1) {
      if (answers.charCodeAt(at) === 49) result[batch.names[at]] = true;
    }
    return result;
  }

  /** The door of a list of flags. The same few lists are asked for again and again: their names cross once. */
  batch(names) {
    const known = this.batches.find((batch) => same(batch.names, names));
    if (known) return known;
    names.forEach(flagName);
    const batch = { names: [...names], check: this.handle.batchChecker([...names]), allOff: allOff(names) };
    if (names.length <= MAX_BATCH_KEPT) {
      if (this.batches.length === MAX_BATCHES) this.batches.pop();
      this.batches.unshift(batch);
    }
    return batch;
  }

  /** The core's measures, with what it does not know: the checks that contexts answered, and our own listeners. */
  measures() {
    return JSON.parse(this.handle.measures()).map(([at, series, number]) => {
      if (INSTRUMENTS[at][0] === 'jackstaff.checks' && series === 'local') return [at, series, number + this.repeated];
      return [at, series, INSTRUMENTS[at][0] === 'jackstaff.listeners' ? this.listeners.size : number];
    });
  }

  listen(listener) {
    if (this.listeners.size >= MAX_LISTENERS && !this.listeners.has(listener)) {
      throw refused('listener', `is one too many: there are ${MAX_LISTENERS} change listeners already: remove those you no longer need`);
    }
    this.listeners.add(listener);
    this.listening ??= this.handle.listen((json) => this.tell(JSON.parse(json)));
  }

  unlisten(listener) {
    this.listeners.delete(listener);
    if (this.listeners.size === 0 && this.listening !== undefined) {
      this.handle.unlisten(this.listening);
      this.listening = undefined;
    }
  }

  tell(change) {
    for (const listener of [...this.listeners]) {
      try {
        listener(change);
      } catch (error) {
        // As an EventEmitter's would, it becomes an uncaught exception; but the others are told first.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }

  close() {
    this.handle.close();
    this.listeners.clear();
    this.listening = undefined;
    this.leaveLog();
  }
}

function spelling(open) {
  try {
    return open();
  } catch (error) {
    throw spelled(error);
  }
}

/** A boolean default crosses, for the record of a mock; any other stays here. */
function booleanJson(value) {
  return typeof value === 'boolean' ? String(value) : undefined;
}

function same(known, names) {
  if (known.length !== names.length) return false;
  for (let at = 0; at < known.length; at += 1) {
    if (known[at] !== names[at]) return false;
  }
  return true;
}

/** An object with false for each name. Read as JSON, so that all of it is made at once and `__proto__` is a name like any other. */
function allOff(names) {
  return JSON.parse(`{${names.map((name) => `${JSON.stringify(name)}:false`).join(',')}}`);
}

/** An object with an entry for each name. `__proto__` is a name like any other. */
function filled(names, answer) {
  const result = {};
  for (let at = 0; at < names.length; at += 1) {
    if (names[at] === '__proto__') {
      Object.defineProperty(result, names[at], { value: answer(at), enumerable: true, configurable: true, writable: true });
    } else {
      result[names[at]] = answer(at);
    }
  }
  return result;
}

module.exports = { Core, INSTRUMENTS, TYPES, filled };
