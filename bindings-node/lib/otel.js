'use strict';
// OpenTelemetry: what a client counts as metrics, and what it answers as events of the spans in which it was asked.
//
// Counting costs a check nothing: the instruments are observable and read `stats()` when somebody collects. Events are written only
// where `trace` was called. Neither ever holds a user id: the conventions' `feature_flag.context.id` is left out on purpose.

const { version } = require('../package.json');
const { booleanDefault } = require('./convert');
const { INSTRUMENTS } = require('./core');

const MEASURES = Symbol.for('jackstaff.measures');

/** The reasons of the semantic conventions for ours. */
const REASONS = {
  user_targeted: 'targeting_match',
  rule_matched: 'targeting_match',
  rollout: 'split',
  fallthrough: 'default',
  disabled: 'disabled',
  prerequisite_failed: 'default',
};

/** Which clients each meter shows: instruments of one name are made once. */
const observed = new WeakMap();

/**
 * Shows a client's numbers as metrics, until the function that is returned is called or the client is gone.
 * `options.meterProvider` is the provider to use; the global one unless given.
 */
function observe(client, { meterProvider = api('metrics').getMeterProvider() } = {}) {
  const meter = meterProvider.getMeter('jackstaff', version);
  if (!observed.has(meter)) observed.set(meter, instruments(meter));
  const clients = observed.get(meter);
  const entry = new WeakRef(client);
  clients.add(entry);
  return () => void clients.delete(entry);
}

function instruments(meter) {
  const clients = new Set();
  const made = INSTRUMENTS.map(([name, counts, unit, description]) => meter[counts ? 'createObservableCounter' : 'createObservableGauge'](name, { unit, description }));
  meter.addBatchObservableCallback((result) => {
    const found = new Map();
    for (const entry of clients) {
      const client = entry.deref();
      if (client === undefined) {
        clients.delete(entry);
        continue;
      }
      const environment = client.environment;
      for (const [at, series, number] of client[MEASURES]()) {
        // Clients of one environment are one series: what they count is added up, and of the rest the largest is shown.
        const [, counts, , , attribute] = INSTRUMENTS[at];
        const key = JSON.stringify([at, environment, series]);
        const before = found.get(key)?.number ?? 0;
        const attributes = { 'feature_flag.set.id': environment, ...(series === null ? {} : { [attribute]: series }) };
        found.set(key, { instrument: made[at], number: counts ? before + number : Math.max(before, number), attributes });
      }
    }
    for (const { instrument, number, attributes } of found.values()) result.observe(instrument, number, attributes);
  }, made);
  return clients;
}

/**
 * From now on every check of this client is an event `feature_flag.evaluation` of the span that is active where it is made, by OpenTelemetry's
 * semantic conventions. Costs a check some microseconds inside a span that is recorded, and a look otherwise. The function that is returned ends it.
 */
function trace(client) {
  const { trace: tracing } = require('@opentelemetry/api');
  const recording = () => {
    const span = tracing.getActiveSpan();
    return span?.isRecording() ? span : undefined;
  };
  const told = (found) => {
    recording()?.addEvent('feature_flag.evaluation', attributes(client, found));
    return found;
  };
  const boolean = (found) => told(found).value;
  const proto = Object.getPrototypeOf(client);
  const own = {
    async evaluate(...question) {
      return told(await proto.evaluate.apply(client, question));
    },
    evaluateSync(...question) {
      return told(proto.evaluateSync.apply(client, question));
    },
    async isEnabled(flag, user, defaultValue = false, context = undefined) {
      if (!recording()) return proto.isEnabled.call(client, flag, user, defaultValue, context);
      return boolean(await proto.evaluate.call(client, flag, user, booleanDefault(defaultValue), context, 'boolean'));
    },
    isEnabledSync(flag, user, defaultValue = false, context = undefined) {
      if (!recording()) return proto.isEnabledSync.call(client, flag, user, defaultValue, context);
      return boolean(proto.evaluateSync.call(client, flag, user, booleanDefault(defaultValue), context, 'boolean'));
    },
    async batchEvaluate(flags, ...question) {
      const names = typeof flags === 'object' && flags !== null ? [...flags] : flags;
      const answers = await proto.batchEvaluate.call(client, names, ...question); // one trip for all
      for (const [flag, value] of Object.entries(answers)) told({ flag, value });
      return answers;
    },
    batchEvaluateSync(flags, ...question) {
      const names = typeof flags === 'object' && flags !== null ? [...flags] : flags;
      const answers = proto.batchEvaluateSync.call(client, names, ...question);
      for (const [flag, value] of Object.entries(answers)) told({ flag, value });
      return answers;
    },
    flag(name) {
      const flag = proto.flag.call(client, name);
      flag.enabled = (user, defaultValue, context) => client.isEnabledSync(flag.name, user, defaultValue, context);
      return flag;
    },
    context(user, given) {
      const context = proto.context.call(client, user, given);
      for (const method of ['isEnabled', 'isEnabledSync', 'evaluate', 'evaluateSync']) {
        context[method] = method.startsWith('is')
          ? (flag, defaultValue) => client[method](flag, context.user, defaultValue, given)
          : (flag, defaultValue, type) => client[method](flag, context.user, defaultValue, given, type);
      }
      return context;
    },
  };
  Object.assign(client, own);
  return () => Object.keys(own).forEach((method) => delete client[method]);
}

/** What an event says of an answer. */
function attributes(client, { flag, value, variant = null, reason, version: at, error }) {
  const said = { 'feature_flag.key': flag, 'feature_flag.provider.name': 'jackstaff', 'feature_flag.set.id': client.environment };
  if (variant !== null) said['feature_flag.result.variant'] = variant;
  // Text may be the caller's own default, and whose name that is nobody knows.
  else if (typeof value === 'boolean' || typeof value === 'number') said['feature_flag.result.value'] = value;
  if (at) said['feature_flag.version'] = String(at);
  if (reason !== undefined) said['feature_flag.result.reason'] = REASONS[reason] ?? 'error';
  if (reason !== undefined && !(reason in REASONS)) said['error.type'] = ERRORS[reason] ?? error ?? 'general';
  return said;
}

const ERRORS = { flag_not_found: 'flag_not_found', type_mismatch: 'type_mismatch', not_ready: 'provider_not_ready' };

function api(part) {
  return require('@opentelemetry/api')[part];
}

module.exports = { observe, trace };
