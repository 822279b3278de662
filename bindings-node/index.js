'use strict';
// What `require('jackstaff')` gives: the client's class, with the others beside it, as the guide's require expects.

const { FeatureFlagsClient, Context, Flag } = require('./lib/client');
const { MockFeatureFlagsClient } = require('./lib/mock');

module.exports = FeatureFlagsClient;
module.exports.FeatureFlagsClient = FeatureFlagsClient;
module.exports.MockFeatureFlagsClient = MockFeatureFlagsClient;
module.exports.Context = Context;
module.exports.Flag = Flag;
