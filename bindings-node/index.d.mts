// Written by scripts/types.js from lib/ and scripts/data.d.ts: change those, then run it.

import FeatureFlagsClient = require('./index.js');

export default FeatureFlagsClient;
export { FeatureFlagsClient };
export import Context = FeatureFlagsClient.Context;
export import Flag = FeatureFlagsClient.Flag;
export import MockFeatureFlagsClient = FeatureFlagsClient.MockFeatureFlagsClient;
export type User = FeatureFlagsClient.User;
export type Json = FeatureFlagsClient.Json;
export type Attributes = FeatureFlagsClient.Attributes;
export type Type = FeatureFlagsClient.Type;
export type Options = FeatureFlagsClient.Options;
export type RetryOptions = FeatureFlagsClient.RetryOptions;
export type BreakerOptions = FeatureFlagsClient.BreakerOptions;
export type KafkaOptions = FeatureFlagsClient.KafkaOptions;
export type Logger = FeatureFlagsClient.Logger;
export type FileOptions = FeatureFlagsClient.FileOptions;
export type Reason = FeatureFlagsClient.Reason;
export type Origin = FeatureFlagsClient.Origin;
export type Evaluation<T = null> = FeatureFlagsClient.Evaluation<T>;
export type Step = FeatureFlagsClient.Step;
export type Change = FeatureFlagsClient.Change;
export type Stats = FeatureFlagsClient.Stats;
export type FeedStats = FeatureFlagsClient.FeedStats;
export type RedisStats = FeatureFlagsClient.RedisStats;
export type MockFlag = FeatureFlagsClient.MockFlag;
export type Check = FeatureFlagsClient.Check;
