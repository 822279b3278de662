// The types of `import`: those of `require`, with the class as the default export.
import FeatureFlagsClient = require('./index.js');

export default FeatureFlagsClient;
export { FeatureFlagsClient };
export import MockFeatureFlagsClient = FeatureFlagsClient.MockFeatureFlagsClient;
export import Context = FeatureFlagsClient.Context;
export import Flag = FeatureFlagsClient.Flag;
export type User = FeatureFlagsClient.User;
export type Json = FeatureFlagsClient.Json;
export type Attributes = FeatureFlagsClient.Attributes;
export type Type = FeatureFlagsClient.Type;
export type Options = FeatureFlagsClient.Options;
export type FileOptions = FeatureFlagsClient.FileOptions;
export type Logger = FeatureFlagsClient.Logger;
export type Reason = FeatureFlagsClient.Reason;
export type Origin = FeatureFlagsClient.Origin;
export type Evaluation<T = null> = FeatureFlagsClient.Evaluation<T>;
export type Step = FeatureFlagsClient.Step;
export type Change = FeatureFlagsClient.Change;
export type Stats = FeatureFlagsClient.Stats;
export type MockFlag = FeatureFlagsClient.MockFlag;
export type Check = FeatureFlagsClient.Check;
