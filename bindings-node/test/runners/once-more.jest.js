'use strict';
// A second file of the same tests, for a registry of its own in the same process.
require('./again.jest.js');
