// What `import` gives: the same classes as `require`, not a second copy.
import FeatureFlagsClient from './index.js';

export default FeatureFlagsClient;
export { FeatureFlagsClient };
export const { MockFeatureFlagsClient, Context, Flag } = FeatureFlagsClient;
