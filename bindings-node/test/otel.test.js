'use strict';
// OpenTelemetry, with its real SDK: what is counted, what spans are told, and what nobody is ever told.

const { DOCUMENT } = require('./support'); // first: it sets JACKSTAFF_LOG
const test = require('node:test');
const assert = require('node:assert/strict');
const api = require('@opentelemetry/api');
const { AsyncLocalStorageContextManager } = require('@opentelemetry/context-async-hooks');
const { AggregationTemporality, InMemoryMetricExporter, MeterProvider, PeriodicExportingMetricReader } = require('@opentelemetry/sdk-metrics');
const { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base');
const FeatureFlagsClient = require('..');
const { observe, trace } = require('../lib/otel');
const service = require('./service');

api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());

/** Metrics in memory: `points()` collects them, as name, attributes beside the environment, and value. */
function numbers() {
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meterProvider = new MeterProvider({ readers: [reader] });
  const points = async () => {
    exporter.reset();
    await reader.forceFlush();
    const found = {};
    for (const { descriptor, dataPoints } of exporter.getMetrics().flatMap((all) => all.scopeMetrics).flatMap((scope) => scope.metrics)) {
      for (const point of dataPoints) {
        const { 'feature_flag.set.id': environment, ...rest } = point.attributes;
        const key = [descriptor.name, environment, ...Object.values(rest)].join(' ');
        assert.ok(!(key in found), 'one point for each series');
        found[key] = point.value;
      }
    }
    return found;
  };
  return { meterProvider, points, text: () => JSON.stringify(exporter.getMetrics()), end: () => meterProvider.shutdown() };
}

/** Spans in memory. */
function spans() {
  const exporter = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).getTracer('a service');
  const within = (name, work) => tracer.startActiveSpan(name, async (span) => {
    try {
      return await work();
    } finally {
      span.end();
    }
  });
  const all = () => exporter.getFinishedSpans().map(({ name, attributes, events }) => ({ name, attributes, events }));
  return { within, all, events: () => all().flatMap((span) => span.events.map((event) => event.attributes)) };
}

const open = () => FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test' });

test('what a client counts is shown as metrics', async () => {
  const metrics = numbers();
  const client = open();
  const end = observe(client, metrics);
  for (let n = 0; n < 8; n += 1) client.isEnabledSync('new_ui', `secret-${n}`);
  client.context('secret-9').isEnabledSync('new_ui');
  client.isEnabledSync('no_such', 'secret-8');
  client.onChange(() => {});
  const points = await metrics.points();
  assert.equal(points['jackstaff.checks test local'], 9);
  assert.equal(points['jackstaff.checks test default'], 1);
  assert.equal(points['jackstaff.flags test'], Object.keys(DOCUMENT.flags).length);
  assert.equal(points['jackstaff.listeners test'], 1);
  assert.deepEqual([points['jackstaff.status test ready'], points['jackstaff.status test stale']], [1, 0]);
  for (const name of ['changes', 'failures', 'version', 'age']) assert.ok(`jackstaff.${name} test` in points, name);
  assert.ok(!metrics.text().includes('secret'));

  const other = open();
  const leave = observe(other, metrics);
  other.isEnabledSync('new_ui', 'u');
  assert.equal((await metrics.points())['jackstaff.checks test local'], 10, 'clients of one environment are one series');
  end();
  end();
  assert.equal((await metrics.points())['jackstaff.checks test local'], 1);
  await other.close();
  assert.equal((await metrics.points())['jackstaff.status test closed'], 1);
  leave();
  await metrics.end();
});

test('checks are events of the active span', async () => {
  const memory = spans();
  const client = open();
  const end = trace(client);
  await memory.within('request', async () => {
    assert.equal(await client.isEnabled('new_ui', 'secret-1'), true);
    assert.equal(client.isEnabledSync('dark_mode', 'secret-2', true), false);
    assert.equal(await client.isEnabled('beta', 'secret-3', false, { plan: 'pro' }), true);
    assert.equal(await client.getString('theme', 'secret-4', 'secret-default'), 'dark');
    assert.equal(client.getNumberSync('ratio', 'secret-4', 1), 0.5);
    assert.equal(await client.getString('limit', 'secret-5', 'secret-default'), 'secret-default');
    assert.equal((await client.evaluate('no_such', 'secret-5', 'secret-default')).value, 'secret-default');
    assert.deepEqual(await client.batchEvaluate(['new_ui', 'no_such'], 'secret-6', true), { new_ui: true, no_such: true });
    assert.equal(client.flag('new_ui').enabled('secret-7'), true);
    const context = client.context('secret-8', { plan: 'pro' });
    assert.deepEqual([context.isEnabledSync('beta'), await context.isEnabled('beta'), context.evaluateSync('theme').value], [true, true, 'dark']);
    await assert.rejects(client.isEnabled('new_ui', 'secret-9', 'secret-default'), /defaultValue/);
    assert.throws(() => client.isEnabledSync(7, 'secret-9'), TypeError);
  });
  const short = memory.events().map((said) => ['key', 'result.variant', 'result.reason'].map((name) => said[`feature_flag.${name}`] ?? null).concat(said['error.type'] ?? null));
  assert.deepEqual(short, [
    ['new_ui', 'on', 'default', null],
    ['dark_mode', 'off', 'disabled', null],
    ['beta', 'on', 'targeting_match', null],
    ['theme', 'dark', 'default', null],
    ['ratio', 'half', 'default', null],
    ['limit', null, 'error', 'type_mismatch'],
    ['no_such', null, 'error', 'flag_not_found'],
    ['new_ui', null, null, null],
    ['no_such', null, null, null],
    ['new_ui', 'on', 'default', null],
    ['beta', 'on', 'targeting_match', null],
    ['beta', 'on', 'targeting_match', null],
    ['theme', 'dark', 'default', null],
  ]);
  assert.ok(memory.all().every((span) => span.events.every((event) => event.name === 'feature_flag.evaluation')));
  assert.ok(!JSON.stringify(memory.all()).includes('secret'));
  end();
  await memory.within('another', () => client.isEnabled('new_ui', 'u'));
  assert.equal(memory.events().length, short.length);
});

test('without a span a traced client is the client', async () => {
  const client = open();
  trace(client);
  assert.equal(client.isEnabledSync('new_ui', 'u'), true);
  assert.equal(await client.getInt('limit', 'u', 1), 20);
  assert.equal(client.stats().checks, 2);
});

test('events belong to the span of their own request', async () => {
  const memory = spans();
  const client = open();
  trace(client);
  const request = (name, flag) => memory.within(name, async () => {
    await new Promise((next) => setImmediate(next));
    await client.isEnabled(flag, 'u');
    await client.batchEvaluate([flag], 'u');
  });
  await Promise.all([request('one', 'new_ui'), request('two', 'beta')]);
  const said = Object.fromEntries(memory.all().map((span) => [span.name, span.events.map((event) => event.attributes['feature_flag.key'])]));
  assert.deepEqual(said, { one: ['new_ui', 'new_ui'], two: ['beta', 'beta'] });
});

test('guide flaw 54: no user id in anything that is exported or logged', { skip: service.missing }, async () => {
  const [metrics, memory, lines] = [numbers(), spans(), []];
  const take = (line) => lines.push(line);
  const config = await service.start();
  const options = { configServiceUrl: config.url, environment: 'production', cacheTtl: 0, timeout: 2, logger: { debug: take, info: take, warn: take, error: take } };
  const clients = ['auto', 'remote'].map((evaluation) => new FeatureFlagsClient({ ...options, evaluation }));
  for (const client of clients) {
    observe(client, metrics);
    trace(client);
  }
  await memory.within('request', async () => {
    for (let n = 0; n < 8; n += 1) {
      if (n === 4) await config.stop();
      for (const client of clients) {
        await client.isEnabled('new_ui', `secret-user-${n}`, false, { plan: 'secret-attribute' });
        await client.batchEvaluate(['new_ui', 'no_such'], `secret-user-${n}`, false, { plan: 'secret-attribute' });
        await client.evaluate('new_ui', `secret-user-${n}`, 'secret-default');
      }
    }
  });
  await metrics.points();
  const said = metrics.text() + JSON.stringify(memory.all()) + lines.join('\n') + JSON.stringify(clients.map((client) => client.stats()));
  await Promise.all(clients.map((client) => client.close()));
  await metrics.end();
  assert.ok(said.includes('new_ui') && said.includes('jackstaff.checks'));
  assert.ok(!said.includes('secret'), said.slice(Math.max(0, said.indexOf('secret') - 200), said.indexOf('secret') + 100));
});
