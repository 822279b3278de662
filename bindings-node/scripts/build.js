'use strict';
// Runs at `npm install`: builds the native half from the sources around this package, unless what is there is newer than they are.
// `--always` leaves that question to cargo.

const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const PACKAGE = path.dirname(__dirname);
const ROOT = path.dirname(PACKAGE);
const ADDON = path.join(PACKAGE, 'jackstaff.node');
const SOURCES = ['Cargo.toml', 'Cargo.lock', 'rust-toolchain.toml', 'core/Cargo.toml', 'core/src', 'bindings-node/Cargo.toml', 'bindings-node/build.rs', 'bindings-node/src'];

/** When the newest file below `place` was written; 0 if there is none. */
function newest(place) {
  const about = fs.statSync(place, { throwIfNoEntry: false });
  if (!about) return 0;
  if (!about.isDirectory()) return about.mtimeMs;
  return Math.max(0, ...fs.readdirSync(place).map((name) => newest(path.join(place, name))));
}

function fail(message) {
  console.error(`jackstaff: ${message}`);
  process.exit(1);
}

/** The command `cargo`, also where an installer has just put it and the shell does not know yet. */
function cargo() {
  const home = path.join(process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo'), 'bin', process.platform === 'win32' ? 'cargo.exe' : 'cargo');
  const found = ['cargo', home].find((command) => spawnSync(command, ['--version'], { stdio: 'ignore', cwd: ROOT }).status === 0);
  return found ?? fail('the native part has to be built, and cargo is not there: install Rust (https://rustup.rs), then run npm install again');
}

/** The library that cargo built, wherever its target folder is. */
function build() {
  const args = ['build', '--release', '-p', 'jackstaff-node', '--message-format=json-render-diagnostics'];
  const built = spawnSync(cargo(), args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  if (built.status !== 0) fail('cargo could not build the native part; its messages are above (npm hides them without --foreground-scripts)');
  const artifacts = built.stdout.split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line));
  const made = artifacts.find((artifact) => artifact.reason === 'compiler-artifact' && artifact.target.name === 'jackstaff_node');
  return made?.filenames.find((name) => /\.(so|dylib|dll)$/.test(name)) ?? fail('cargo built no library');
}

function main() {
  const hasSources = fs.existsSync(path.join(ROOT, 'core', 'Cargo.toml')) && fs.existsSync(path.join(PACKAGE, 'Cargo.toml'));
  if (!hasSources) {
    if (fs.existsSync(ADDON)) return;
    fail(`there is neither ${ADDON} nor the sources to build it from: install from a clone, as in npm install ./bindings-node`);
  }
  const written = Math.max(...SOURCES.map((source) => newest(path.join(ROOT, source))));
  if (!process.argv.includes('--always') && newest(ADDON) > written) return;
  // Copied beside its place and moved there: a process that has the old one loaded keeps it.
  const draft = `${ADDON}.${process.pid}.tmp`;
  fs.copyFileSync(build(), draft);
  fs.utimesSync(draft, new Date(), new Date());
  fs.renameSync(draft, ADDON);
}

main();
