'use strict';

module.exports = { testMatch: ['**/*.jest.js'], testEnvironment: 'node', rootDir: __dirname, transform: {}, haste: { enableSymlinks: false } };
