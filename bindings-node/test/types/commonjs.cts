// Compiled, not run: what a program in CommonJS may write, and what it may not.
import FeatureFlagsClient = require('jackstaff');
import FromGuide = require('jackstaff/featureFlagsClient');
import { MockFeatureFlagsClient } from 'jackstaff';

const client = new FeatureFlagsClient({ configServiceUrl: 'http://config-service:8082', environment: 'test', cacheTtl: 0, redis: { host: 'redis' } });
const same: typeof FeatureFlagsClient = FromGuide;
const named: typeof FeatureFlagsClient = FeatureFlagsClient.FeatureFlagsClient;

async function main(): Promise<void> {
  const on: boolean = await client.isEnabled('new_ui', 'u1', false, { plan: 'pro', since: new Date() });
  const now: boolean = client.isEnabledSync('new_ui', 7);
  const batch: Record<string, boolean> = await client.batchEvaluate(['new_ui'], null, true);
  const text: string = await client.getString('theme', 'u1', 'light');
  const layout: { columns: number } = client.getObjectSync('layout', 'u1', { columns: 3 });
  const { reason, value, age }: FeatureFlagsClient.Evaluation<boolean> = client.evaluateSync('new_ui', 'u1', false);
  const context: FeatureFlagsClient.Context = client.context('u1', { plan: 'pro' });
  const all: boolean[] = [on, now, context.isEnabledSync('new_ui'), client.flag('new_ui').enabled('u1')];
  const stop: () => void = client.onChange((change) => console.log(change.version, change.flags.length));
  const mock = new MockFeatureFlagsClient({ new_ui: true, theme: { value: 'light', users: { u1: 'dark' } } });
  mock.set('new_ui', false, 'u2');
  const checks: FeatureFlagsClient.Check[] = mock.checks;
  const anyClient: FeatureFlagsClient = mock;
  await anyClient.ready(1);
  await client.close();
  console.log(batch, text, layout, reason, value, age, all, stop, checks, same, named);
}

async function wrong(): Promise<void> {
  // @ts-expect-error an option that does not exist
  new FeatureFlagsClient({ cacheTTL: 5 });
  // @ts-expect-error a user that is undefined
  client.isEnabledSync('new_ui', undefined);
  // @ts-expect-error a default that is no boolean
  await client.isEnabled('new_ui', 'u1', 'yes');
  // @ts-expect-error a getter without its default
  client.getStringSync('theme', 'u1');
  // @ts-expect-error an event that does not exist
  client.on('changed', () => {});
  // @ts-expect-error a context is made by its client
  new FeatureFlagsClient.Context();
}

declare const console: { log(...values: unknown[]): void };
void main().then(wrong);
