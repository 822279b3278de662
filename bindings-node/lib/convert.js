'use strict';
// JavaScript values on their way to the core, as JSON text, and answers on their way back.
//
// JSON.stringify is not enough: it turns NaN into null, drops functions, throws on BigInt without saying where, and writes an integer
// beyond 2^53 as if it were exact. What no flag rule could meet is refused here, with its key.

/** How deep a document may nest. Contexts have tighter limits, of depth, number and size, and the core knows them. */
const MAX_DEPTH = 64;

/** Text that needs no escape in JSON. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** `value` as JSON text; `undefined` for undefined. `where` names it in messages. */
function toJson(value, where, ancestors = []) {
  switch (typeof value) {
    case 'string':
      return text(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'number':
      return number(value, where);
    case 'bigint':
      if (BigInt.asIntN(64, value) !== value) throw refused(where, 'is a BigInt beyond 64 bits: send it as text');
      return String(value);
    case 'undefined':
      return undefined;
    case 'object':
      return value === null ? 'null' : object(value, where, ancestors);
    default:
      throw refused(where, `is a ${typeof value}: send text, a number, a boolean, a date, a list or an object of these`);
  }
}

function text(value) {
  // Half a surrogate pair has no UTF-8 form; where text crosses directly it becomes U+FFFD too.
  return JSON.stringify(value.isWellFormed() ? value : value.toWellFormed());
}

function number(value, where) {
  if (!Number.isFinite(value)) throw refused(where, `is ${value}: send a finite number`);
  const digits = String(value);
  // Beyond 2^53 a number no longer says which integer was meant: it goes as a double.
  return Number.isInteger(value) && Math.abs(value) > 2 ** 53 && !digits.includes('e') ? `${digits}.0` : digits;
}

function object(value, where, ancestors) {
  if (ancestors.includes(value)) throw refused(where, 'contains itself');
  if (ancestors.length >= MAX_DEPTH) throw refused(where, `nests deeper than ${MAX_DEPTH} levels`);
  const within = [...ancestors, value];
  if (Array.isArray(value)) {
    return `[${Array.from(value, (item) => toJson(item, where, within) ?? 'null').join(',')}]`;
  }
  if (value instanceof Date) {
    if (Number.isNaN(value.getTime())) throw refused(where, 'is an invalid date');
    return JSON.stringify(value.toISOString());
  }
  if (value instanceof String || value instanceof Number || value instanceof Boolean) return toJson(value.valueOf(), where, within);
  if (typeof value.toJSON === 'function') return toJson(value.toJSON(), where, within);
  const tag = Object.prototype.toString.call(value).slice(8, -1);
  if (tag !== 'Object') throw refused(where, `is a ${tag}: send a plain object or a list`);
  const entries = [];
  for (const key of Object.keys(value)) {
    const json = toJson(value[key], ancestors.length === 0 ? `attribute "${key}"` : where, within);
    if (json !== undefined) entries.push(`${text(key)}:${json}`);
  }
  return `{${entries.join(',')}}`;
}

function refused(where, why) {
  const error = new TypeError(`${where} ${why}`);
  error.code = 'invalid_argument';
  return error;
}

/** A context's attributes as JSON text; `undefined` if there are none. */
function attributesJson(context) {
  if (context === undefined || context === null) return undefined;
  if (typeof context !== 'object' || Array.isArray(context) || context instanceof Date) {
    throw refused('context', `is ${kind(context)}: it has to be an object of attributes`);
  }
  if (Object.getPrototypeOf(context) !== Object.prototype || typeof context.toJSON === 'function') return object(context, 'context', []);
  // The usual context, a plain object of plain values, without the questions that others need. This is most of what a check with
  // attributes costs.
  let json = '{';
  for (const key in context) {
    if (!Object.hasOwn(context, key)) continue;
    const value = context[key];
    const entry =
      typeof value === 'string' && value.length < 256 && PLAIN.test(value) ? `"${value}"`
        : typeof value === 'boolean' || (typeof value === 'number' && Math.abs(value) <= 2 ** 53) ? String(value)
          : toJson(value, `attribute "${key}"`, [context]);
    if (entry === undefined) continue;
    json += `${json.length > 1 ? ',' : ''}${PLAIN.test(key) ? `"${key}"` : text(key)}:${entry}`;
  }
  return `${json}}`;
}

/** An object of options or a flag document as JSON text. */
function documentJson(document, what) {
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    throw refused(what, `is ${kind(document)}: it has to be an object`);
  }
  const entries = [];
  for (const key of Object.keys(document)) {
    const json = toJson(document[key], `${what} "${key}"`, [document]);
    if (json !== undefined) entries.push(`${text(key)}:${json}`);
  }
  return `{${entries.join(',')}}`;
}

/** A flag name. */
function flagName(flag) {
  if (typeof flag !== 'string') throw refused('flag', `is ${kind(flag)}: it has to be the name of a flag`);
  return flag;
}

/** A user id as text; null is nobody. The id itself is in no message. */
function userId(user) {
  if (typeof user === 'string' || user === null) return user;
  if (typeof user === 'bigint' || Number.isFinite(user)) return String(user);
  throw refused('user', `is ${kind(user)}: it has to be text or a number (null for nobody)`);
}

/** The default of a boolean check. */
function booleanDefault(value) {
  if (typeof value !== 'boolean') throw refused('defaultValue', `is ${kind(value)}: it has to be true or false`);
  return value;
}

function kind(value) {
  if (value === undefined || value === null || Number.isNaN(value)) return String(value);
  return Array.isArray(value) ? 'a list' : `${typeof value === 'object' ? 'an' : 'a'} ${typeof value}`;
}

/** The evaluation that the core wrote as a list; the caller's default stays the object that the caller gave. */
function evaluation(flag, list, defaultValue) {
  const [value, enabled, variant, reason, origin, rule, error, version, epoch, age, isWide] = list;
  // A service that only knows the guide names no variant; a flag in this process without one serves the caller's default.
  const isDefault = origin === 'default' || (variant === null && origin === 'local');
  const held = isWide ? BigInt(value) : value;
  return { flag, value: isDefault ? defaultValue : held, enabled, variant, reason, origin, version, epoch, age, rule, error };
}

/** The evaluation of a check that nobody could answer. */
function unanswered(flag, defaultValue, reason) {
  return evaluation(flag, [null, defaultValue === true, null, reason, 'default', null, null, 0, '', 0], defaultValue);
}

/** An error of the core with the options spelled as JavaScript does. */
function spelled(error) {
  if (error.code !== 'invalid_argument') return error;
  const camel = (words) => words.replace(/\b[a-z]+(?:_[a-z]+)+\b/g, (name) => name.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase()));
  const parts = error.message.split('"');
  // What stands in quotes is the caller's own, but for the name of an option.
  error.message = parts.map((part, at) => (at % 2 === 0 || parts[at - 1].endsWith('option ') ? camel(part) : part)).join('"');
  return error;
}

module.exports = { toJson, attributesJson, documentJson, flagName, userId, booleanDefault, evaluation, unanswered, spelled, refused, kind };
