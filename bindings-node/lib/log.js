'use strict';
// The loggers that the clients of this thread were given, and the one ear that hears the core for all of them.

const { native } = require('./native');
const { kind, refused } = require('./convert');

/** How many clients use a logger. */
const users = new Map();
let ear;

/** Puts a logger to use; the function that is returned ends that. Nothing to do where none is given. */
function use(logger) {
  if (logger === undefined || logger === null) return () => {};
  if (typeof logger.warn !== 'function') throw refused('logger', `is ${kind(logger)}: it has to be an object with the methods info, warn and error, such as console`);
  users.set(logger, (users.get(logger) ?? 0) + 1);
  ear ??= native.listenLog(tell);
  let using = true;
  return () => {
    if (!using) return;
    using = false;
    const left = users.get(logger) - 1;
    if (left > 0) users.set(logger, left);
    else users.delete(logger);
    if (users.size === 0) {
      native.unlistenLog(ear);
      ear = undefined;
    }
  };
}

function tell(line) {
  const end = line.indexOf('\n');
  const [level, message] = [line.slice(0, end), line.slice(end + 1)];
  for (const logger of [...users.keys()]) {
    try {
      (logger[level] ?? logger.warn).call(logger, `jackstaff: ${message}`);
    } catch (error) {
      // A logger that fails must not end the process, and the line must not be lost with it.
      process.stderr.write(`jackstaff ${level}: ${message} (the logger failed: ${error})\n`);
    }
  }
}

const collected = new FinalizationRegistry((leave) => leave());

/** Ends the use when a client that nobody closed is collected. */
function whenCollected(core, leave) {
  collected.register(core, leave);
}

module.exports = { use, whenCollected };
