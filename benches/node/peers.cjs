'use strict';
// The rivals in Node, and us: how each is loaded, how its context is made, and the call that is measured. All evaluate in process and
// offline, with events and metrics off. Expressions and not functions, so that no adapter's frame is in the measured call.

const fs = require('fs'), path = require('path'), { createRequire } = require('module');
/** Where the rivals are installed. */
const NM = process.env.BENCH_NODE || process.cwd();
const req = createRequire(path.join(NM, 'package.json'));
const read = (d, f) => fs.readFileSync(path.join(d, f), 'utf8');
const silent = { error() {}, warn() {}, info() {}, debug() {} };

const jackstaff = {
  pkg: 'jackstaff',
  async load(d) {
    const Client = require(path.join(__dirname, '../../bindings-node'));
    this.c = Client.fromObject(JSON.parse(read(d, 'jackstaff.json')));
    return { c_: this.c };
  },
  close() { return this.c.close(); },
};
const ATTRIBUTES = '{country: u.country, plan: u.plan, appVersion: u.app_version}';

const PEERS = {
  jackstaff: { ...jackstaff, notes: 'client.isEnabledSync(flag, id), for W4 and W5 with the attributes; W5 batchEvaluateSync, an object',
    mk: `({id: u.id, a: ${ATTRIBUTES}})`, ev: 'c_.isEnabledSync(flag, c.id)', evRules: 'c_.isEnabledSync(flag, c.id, false, c.a)',
    batch: 'const o = c_.batchEvaluateSync(ks, c.id, false, c.a); for (const k in o) if (o[k]) n++;' },
  'jackstaff-context': { ...jackstaff, notes: 'client.context(id, attributes) for a request; ev: a check that repeats in it, e2e: context and first check',
    mk: `c_.context(u.id, ${ATTRIBUTES})`, ev: 'c.isEnabledSync(flag)' },
  unleash: { pkg: 'unleash-client', notes: 'bootstrap data, InMemStorageProvider, disableMetrics, refreshInterval 0, impressionData false; url unreachable',
    mk: "({userId: u.id, properties: {country: u.country, plan: u.plan, appVersion: u.app_version}})", ev: 'c_.isEnabled(flag, c)',
    async load(d) {
      const { Unleash, InMemStorageProvider } = req('unleash-client');
      const c = new Unleash({ url: 'http://127.0.0.1:9/api', appName: 'bench', disableMetrics: true, refreshInterval: 0, skipInstanceCountWarning: true,
        bootstrap: { data: JSON.parse(read(d, 'unleash.json')).features }, storageProvider: new InMemStorageProvider(), disableAutoStart: true, timeout: 200 });
      c.on('error', () => {}); c.on('warn', () => {});
      const rdy = new Promise(r => c.once('ready', r)); c.start(); await rdy; this.c = c;
      return { c_: c };
    }, close() { this.c.destroy(); } },
  launchdarkly: { pkg: '@launchdarkly/node-server-sdk', notes: 'FileDataSource, sendEvents false, diagnosticOptOut; uses boolVariation (async, no sync API): sequential await of a batch of promises per call',
    async: true, mk: "({kind: 'user', key: u.id, country: u.country, plan: u.plan, appVersion: u.app_version})", ev: 'await c_.boolVariation(flag, c, false)',
    async load(d) {
      const ld = req('@launchdarkly/node-server-sdk'), { FileDataSourceFactory } = req('@launchdarkly/node-server-sdk/integrations');
      const f = new FileDataSourceFactory({ paths: [path.join(d, 'launchdarkly.json')], autoUpdate: false });
      this.c = ld.init('sdk-key', { updateProcessor: f.getFactory(), sendEvents: false, diagnosticOptOut: true, logger: silent });
      await this.c.waitForInitialization({ timeout: 30 });
      return { c_: this.c };
    }, close() { this.c.close(); } },
  'statsig-core': { pkg: '@statsig/statsig-node-core', notes: 'dataStore returns DCS json, disableNetwork, disableAllLogging, disableExposureLogging per call',
    mk: "new SU({userID: u.id, custom: {country: u.country, plan: u.plan, appVersion: u.app_version}})", ev: 'c_.checkGate(c, flag, opts)', ctxLimit: 10000,
    async load(d) {
      const { Statsig, StatsigUser } = req('@statsig/statsig-node-core');
      const spec = read(d, 'statsig.json');
      const c = new Statsig('secret-bench', { disableNetwork: true, disableAllLogging: true, outputLogLevel: 'none', disableCountryLookup: true,
        dataStore: { initialize: async () => {}, shutdown: async () => {}, get: async () => ({ result: spec, time: 1767981029384 }), set: async () => {}, supportPollingUpdatesFor: async () => false } });
      await c.initialize(); this.c = c;
      return { c_: c, SU: StatsigUser, opts: { disableExposureLogging: true } };
    }, async close() { await this.c.shutdown(); } },
  growthbook: { pkg: '@growthbook/growthbook', notes: 'GrowthBookClient.initSync(payload), plain user context per call, no tracking callback',
    mk: "({attributes: {id: u.id, country: u.country, plan: u.plan, appVersion: u.app_version}})", ev: 'c_.isOn(flag, c)',
    async load(d) {
      const { GrowthBookClient } = req('@growthbook/growthbook');
      return { c_: new GrowthBookClient().initSync({ payload: JSON.parse(read(d, 'growthbook.json')) }) };
    } },
  eppo: { pkg: '@eppo/node-server-sdk', notes: 'SDK init() fetches once from a loopback stub serving the UFC (no offline init in this SDK), polling 1 day, doLog false, logger no-op',
    mk: "({id: u.id, a: {country: u.country, plan: u.plan, appVersion: u.app_version}})", ev: 'c_.getBooleanAssignment(flag, c.id, c.a, false)',
    async load(d) {
      const body = read(d, 'eppo.json');
      const srv = require('http').createServer((q, r) => { r.setHeader('content-type', 'application/json'); r.end(body); });
      await new Promise(r => srv.listen(0, '127.0.0.1', r));
      const { init } = req('@eppo/node-server-sdk');
      this.c = await init({ apiKey: 'x', baseUrl: `http://127.0.0.1:${srv.address().port}`, assignmentLogger: { logAssignment() {} }, pollingIntervalMs: 86400000 });
      srv.close(); srv.closeAllConnections && srv.closeAllConnections();
      return { c_: this.c };
    }, close() { this.c.stopPolling && this.c.stopPolling(); } },
  'flagd-core': { pkg: '@openfeature/flagd-core', notes: 'FlagdCore.setConfigurations; targeting compiled/interpreted as the package does by default; no-op logger',
    mk: "({targetingKey: u.id, country: u.country, plan: u.plan, appVersion: u.app_version})", ev: 'c_.resolveBooleanEvaluation(flag, false, c, L).value',
    async load(d) {
      const { FlagdCore } = req('@openfeature/flagd-core');
      const c = new FlagdCore(undefined, silent); c.setConfigurations(read(d, 'flagd.json'));
      return { c_: c, L: silent };
    } },
  flipt: { pkg: '@flipt-io/flipt-client-js', notes: 'WASM engine, snapshot option + failing fetcher + ErrorStrategy.Fallback; no semver operator: integer compare; W4 uses evaluateVariant',
    mk: "({id: u.id, a: {country: u.country, plan: u.plan, app_version_num: String(u.app_version_num)}})", ev: 'c_.evaluateBoolean({flagKey: flag, entityId: c.id, context: c.a}).enabled',
    evRules: "(c_.evaluateVariant({flagKey: flag, entityId: c.id, context: c.a}).variantKey === 'on')",
    batch: "for (const r of c_.evaluateBatch(ks.map(k => ({flagKey: k, entityId: c.id, context: c.a}))).responses) { if (r.booleanEvaluationResponse ? r.booleanEvaluationResponse.enabled : r.variantEvaluationResponse.variantKey === 'on') n++; }",
    async load(d) {
      const { FliptClient, ErrorStrategy } = req('@flipt-io/flipt-client-js');
      const c = await FliptClient.init({ snapshot: read(d, 'flipt.b64'), errorStrategy: ErrorStrategy.Fallback, updateInterval: 86400, fetcher: async () => { throw new Error('offline'); } });
      this.c = c; return { c_: c };
    }, close() { this.c.close && this.c.close(); } },
  'flagsmith-engine': { pkg: 'flagsmith-nodejs', notes: 'getEvaluationResult from the package engine folder; evaluates the WHOLE context each call; W1-W4 one-flag context, W5 50-flag context',
    mk: "({...B.base, identity: {identifier: u.id, key: u.id, traits: {country: u.country, plan: u.plan, appVersion: u.app_version}}})", ev: 'ger(c).flags[flag].enabled',
    batch: "for (const f of Object.values(ger(c).flags)) if (f.enabled) n++;",
    async load(d) {
      const { getEvaluationResult } = require(path.join(NM, 'node_modules/flagsmith-nodejs/build/cjs/flagsmith-engine/index.js'));
      const full = JSON.parse(read(d, 'flagsmith.json'));
      this.full = full; this.B = { base: full };
      return { ger: getEvaluationResult, B: this.B };
    },
    restrict(keys) { const s = new Set(keys), f = this.full, pick = (o, g) => Object.fromEntries(Object.entries(o).filter(([k]) => s.has(g(k))));
      this.B.base = { ...f, features: pick(f.features, k => k), segments: pick(f.segments, k => k.slice(4)) }; } },
  posthog: { pkg: 'posthog-node', notes: 'local evaluation: featureFlagsPoller fed from a loopback stub once, onlyEvaluateLocally, sendFeatureFlagEvents false; async API',
    async: true, mk: "({id: u.id, o: {personProperties: {id: u.id, country: u.country, plan: u.plan, appVersion: u.app_version}, onlyEvaluateLocally: true, sendFeatureFlagEvents: false}})",
    ev: 'await c_.isFeatureEnabled(flag, c.id, c.o)',
    async load(d) {
      const { PostHog } = req('posthog-node');
      const body = read(d, 'posthog.json');
      const srv = require('http').createServer((q, r) => { r.setHeader('content-type', 'application/json'); r.end(body); });
      await new Promise(r => srv.listen(0, '127.0.0.1', r));
      const c = new PostHog('phc_x', { host: `http://127.0.0.1:${srv.address().port}`, personalApiKey: 'phx_x', featureFlagsPollingInterval: 86400000, disableGeoip: true });
      await c.reloadFeatureFlags(); this.c = c;
      for (let i = 0; i < 500 && !c.isLocalEvaluationReady(); i++) await new Promise(r => setTimeout(r, 10));
      srv.close(); srv.closeAllConnections && srv.closeAllConnections();
      return { c_: c };
    }, close() { this.c.shutdown(10); } },
};

module.exports = { PEERS, NM, read, req };
