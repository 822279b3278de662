'use strict';
// The declared types against the package: they are what is generated, a program compiles, and neither has a name that the other lacks.

const test = require('node:test');
const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { PACKAGE } = require('./support');
const { generate } = require('../scripts/types');
const FeatureFlagsClient = require('..');

test('programs in CommonJS and ESM compile, and wrong ones do not', () => {
  const tsc = path.join(PACKAGE, 'node_modules', 'typescript', 'bin', 'tsc');
  assert.ok(fs.existsSync(tsc), 'TypeScript is not installed: run npm install in this folder');
  const { status, stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', path.join(__dirname, 'types')], { encoding: 'utf8' });
  assert.equal(status, 0, stdout + stderr);
});

const text = fs.readFileSync(path.join(PACKAGE, 'index.d.ts'), 'utf8');

test('the declarations are what scripts/types.js writes', () => {
  for (const [name, generated] of Object.entries(generate())) {
    assert.equal(fs.readFileSync(path.join(PACKAGE, name), 'utf8'), generated, `${name} is out of date: run node scripts/types.js`);
  }
});

test('every option of the core is declared, and no other', () => {
  const [, names] = fs.readFileSync(path.join(PACKAGE, '..', 'core', 'src', 'client', 'options.rs'), 'utf8').match(/const NAMES: &\[&str\] = &\[([^\]]*)\]/);
  const camel = (name) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());
  const core = [...names.matchAll(/"(\w+)"/g)].map(([, name]) => camel(name));
  const [, options] = text.match(/export interface Options \{\n([\s\S]*?)^  \}/m);
  const declaredOptions = [...options.matchAll(/^    (\w+)\?:/gm)].map(([, name]) => name);
  // Two are JavaScript's own: an ioredis client, and who gets the log lines.
  assert.deepEqual(declaredOptions.sort(), [...core, 'redis', 'logger'].sort());
});

/** The members that a class declares, from its line to the closing brace of the same indent. */
function declared(name) {
  const [, indent, body] = text.match(new RegExp(`^( *)(?:declare |export )?class ${name}\\b[^\\n]*\\{\\n([\\s\\S]*?)^\\1\\}`, 'm'));
  const members = [...body.matchAll(new RegExp(`^${indent}  ((?:static |readonly |get |private )*)(\\[?[\\w.]+\\]?)[(:<]`, 'gm'))];
  const names = (isStatic) => members.filter(([, words]) => words.includes('static') === isStatic).map(([, , member]) => member).filter((member) => member !== 'constructor');
  return { instance: [...new Set(names(false))].sort(), static: names(true).sort() };
}

/** The members that a class has. */
function actual(type, instance) {
  const own = [...Reflect.ownKeys(type.prototype), ...Object.keys(instance)].filter((key) => key !== 'constructor');
  const statics = Object.getOwnPropertyNames(type).filter((key) => typeof type[key] === 'function' && !/^[A-Z]/.test(key));
  return { instance: own.map((key) => (key === Symbol.asyncDispose ? '[Symbol.asyncDispose]' : key)).sort(), static: statics.sort() };
}

test('what is declared is what is there', () => {
  const { MockFeatureFlagsClient, Context, Flag } = FeatureFlagsClient;
  const mock = new MockFeatureFlagsClient();
  assert.deepEqual(declared('FeatureFlagsClient'), actual(FeatureFlagsClient, mock));
  assert.deepEqual(declared('MockFeatureFlagsClient'), actual(MockFeatureFlagsClient, {}));
  assert.deepEqual(declared('Context'), actual(Context, mock.context('u')));
  assert.deepEqual(declared('Flag'), actual(Flag, mock.flag('f')));
});

test('every export is declared', async () => {
  const module = fs.readFileSync(path.join(PACKAGE, 'index.d.mts'), 'utf8');
  for (const name of Object.keys(await import('../index.mjs'))) {
    assert.match(module, name === 'default' ? /^export default FeatureFlagsClient;$/m : new RegExp(`^export (import|\\{) ${name}\\b`, 'm'));
  }
  for (const name of Object.getOwnPropertyNames(FeatureFlagsClient).filter((key) => /^[A-Z]/.test(key))) {
    assert.match(text, new RegExp(`^  export (class|\\{) ${name}\\b`, 'm'));
  }
});
