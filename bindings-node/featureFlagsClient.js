'use strict';
// The path that the guide's programs require.
module.exports = require('./index.js');
