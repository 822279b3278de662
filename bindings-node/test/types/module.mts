// Compiled, not run: what an ES module may import.
import FeatureFlagsClient, { Context, Flag, MockFeatureFlagsClient, FeatureFlagsClient as Named } from 'jackstaff';
import type { Change, Evaluation, Logger, Options, Stats } from 'jackstaff';
import { observe, trace } from 'jackstaff/otel';

const options: Options = { environment: 'test', bootstrap: {} };
const client: FeatureFlagsClient = Named.fromObject({}, options);
const context: Context = client.context('u1');
const flag: Flag = client.flag('new_ui');
const answer: Evaluation<string> = context.evaluateSync('theme', 'light', 'string');
const stats: Stats = new MockFeatureFlagsClient().stats();
client.on('change', (change: Change) => void change.previous).off('change', () => {});

export const all = [answer.value, flag.enabled('u1'), stats.byOrigin.local, context instanceof Context];

const logger: Logger = { warn(line: string) {} };
const logged: FeatureFlagsClient = new FeatureFlagsClient({ environment: 'production', logger });
const ends: (() => void)[] = [observe(logged), trace(logged)];
ends.forEach((end) => end());
// @ts-expect-error a client is needed
observe();
