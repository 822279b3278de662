// Compiled, not run: what an ES module may import.
import FeatureFlagsClient, { Context, Flag, MockFeatureFlagsClient, FeatureFlagsClient as Named } from 'jackstaff';
import type { Change, Evaluation, Options, Stats } from 'jackstaff';

const options: Options = { environment: 'test', bootstrap: {} };
const client: FeatureFlagsClient = Named.fromObject({}, options);
const context: Context = client.context('u1');
const flag: Flag = client.flag('new_ui');
const answer: Evaluation<string> = context.evaluateSync('theme', 'light', 'string');
const stats: Stats = new MockFeatureFlagsClient().stats();
client.on('change', (change: Change) => void change.previous).off('change', () => {});

export const all = [answer.value, flag.enabled('u1'), stats.byOrigin.local, context instanceof Context];
