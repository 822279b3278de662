// vitest loads the module in isolated workers (threads or processes), and again after resetModules.
import { createRequire } from 'node:module';
import { expect, test, vi } from 'vitest';

const SERVICE = { configServiceUrl: process.env.CONFIG_SERVICE_URL, environment: 'production' };
const require = createRequire(import.meta.url);

for (const name of ['first', 'second', 'third']) {
  test(`${name}: the module after resetModules`, async () => {
    const clients = [];
    for (let turn = 0; turn < 3; turn += 1) {
      vi.resetModules();
      for (const file of Object.keys(require.cache)) if (file.includes('bindings-node')) delete require.cache[file];
      const { default: FeatureFlagsClient } = await import('../../index.mjs');
      const Again = require('../..');
      for (const Kind of [FeatureFlagsClient, Again]) {
        const local = Kind.fromObject({ environments: ['test'], flags: { new_ui: {} } }, { environment: 'test' });
        local.onChange(() => {});
        expect(local.isEnabledSync('new_ui', 'u')).toBe(true);
        expect(local.context('u').isEnabledSync('new_ui')).toBe(true);
        clients.push(new Kind(SERVICE), new Kind({ ...SERVICE, evaluation: 'remote' }));
      }
    }
    const answers = await Promise.all(clients.map(async (client) => {
      await client.ready(30);
      return client.isEnabled('new_ui', 'user123');
    }));
    expect(answers).toEqual(clients.map(() => true)); // and nobody closes them
  });
}
