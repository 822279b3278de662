'use strict';
// Twice in one process: jest gives each test file a module registry and a global object of its own, over the one addon.

const PACKAGE = '../..';
const DOCUMENT = { environments: ['test'], flags: { new_ui: {}, theme: { type: 'string', variants: { d: 'dark' }, fallthrough: 'd' } } };
const SERVICE = { configServiceUrl: process.env.CONFIG_SERVICE_URL, environment: 'production' };

function use(FeatureFlagsClient) {
  const local = FeatureFlagsClient.fromObject(DOCUMENT, { environment: 'test', logger: { warn() {} } });
  local.onChange(() => {});
  expect(local.isEnabledSync('new_ui', 'u')).toBe(true);
  expect(local.isEnabledSync('no_such', 'u', true)).toBe(true);
  expect(local.context('u', { plan: 'pro' }).isEnabledSync('new_ui')).toBe(true);
  expect(local.evaluateSync('theme', 'u').value).toBe('dark');
  return local;
}

for (const name of ['first', 'second', 'third']) {
  test(`${name}: the module after resetModules`, async () => {
    const Before = require(PACKAGE);
    const before = use(Before);
    jest.resetModules();
    const After = require(PACKAGE);
    expect(After).not.toBe(Before);
    use(After);
    expect(before.isEnabledSync('new_ui', 'v')).toBe(true);
    jest.isolateModules(() => use(require(PACKAGE)));
    expect(() => After.fromObject({ flags: 7 })).toThrow(/flags/);
    expect(() => before.isEnabledSync('new_ui', NaN)).toThrow(TypeError);

    // Clients of a service, of both modules, in use and never closed.
    const clients = [Before, After].map((Kind) => new Kind(SERVICE));
    await Promise.all(clients.map((client) => client.ready(30)));
    expect(await Promise.all(clients.map((client) => client.isEnabled('new_ui', 'user123')))).toEqual([true, true]);
    const remote = new After({ ...SERVICE, evaluation: 'remote' });
    expect(await remote.isEnabled('new_ui', 'user123')).toBe(true);
    remote.isEnabled('new_ui', 'nobody waits for this one');
  });
}

test('mocks of a module that was mocked', () => {
  jest.doMock(PACKAGE, () => jest.requireActual(`${PACKAGE}/index.js`).MockFeatureFlagsClient);
  jest.resetModules();
  const Client = require(PACKAGE);
  expect(new Client({ new_ui: true }).isEnabledSync('new_ui', 'u')).toBe(true);
});
