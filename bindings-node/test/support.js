'use strict';
// What several tests need: a document, a service that misbehaves on demand, a child process.

const http = require('node:http');
const { spawn } = require('node:child_process');
const path = require('node:path');

// Tests ask for flags that are not there all the time. Read when the addon is loaded, so this file comes first.
process.env.JACKSTAFF_LOG ??= 'off';

const PACKAGE = path.dirname(__dirname);

/** A document of flags of every type. */
const DOCUMENT = {
  environments: ['test'],
  flags: {
    new_ui: { type: 'boolean', fallthrough: 'on' },
    dark_mode: { type: 'boolean', enabled: false, fallthrough: 'on' },
    beta: { type: 'boolean', fallthrough: 'off', rules: [{ name: 'pros', when: { attribute: 'plan', equals: 'pro' }, serve: 'on' }] },
    theme: { type: 'string', variants: { light: 'light', dark: 'dark' }, fallthrough: 'dark' },
    limit: { type: 'integer', variants: { few: 20 }, fallthrough: 'few' },
    ratio: { type: 'double', variants: { half: 0.5 }, fallthrough: 'half' },
    layout: { type: 'json', variants: { grid: { columns: 3, names: ['a', 'b'] } }, fallthrough: 'grid' },
  },
};

/** An HTTP server on a free port. `answer(request, response, body)`; the requests are kept. */
async function serve(answer) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString();
      requests.push({ method: request.method, url: request.url, headers: request.headers, body });
      answer(request, response, body);
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const url = `http://127.0.0.1:${server.address().port}`;
  const close = () => new Promise((done) => {
    server.close(done);
    server.closeAllConnections();
  });
  return { url, requests, close };
}

/** Answers with JSON. */
function json(response, value, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

/** An answer of the service as the guide's two endpoints give it. */
function guide(answers) {
  return (request, response, body) => {
    if (!request.url.startsWith('/api/v1/feature-flags/evaluate')) return json(response, { error: { code: 'not_found' } }, 404);
    const asked = JSON.parse(body);
    if (!request.url.includes('/batch')) {
      const answer = answers[asked.flag_name];
      return answer ? json(response, { flag_name: asked.flag_name, environment: 'test', ...answer }) : json(response, {}, 404);
    }
    const names = Array.isArray(asked) ? asked : asked.flag_names;
    return json(response, Object.fromEntries(names.filter((name) => name in answers).map((name) => [name, answers[name]])));
  };
}

/** Runs `node` on a script text; what it printed and how it ended. */
function run(script, { seconds = 20, env = {}, args = [] } = {}) {
  return new Promise((done) => {
    const child = spawn(process.execPath, [...args, '-e', script], { cwd: PACKAGE, env: { ...process.env, ...env } });
    const begun = Date.now();
    let [out, err] = ['', ''];
    child.stdout.on('data', (part) => (out += part));
    child.stderr.on('data', (part) => (err += part));
    const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      done({ code, signal, out, err, ms: Date.now() - begun });
    });
  });
}

/** Waits until `done()` is true, at most `seconds`. */
async function until(done, seconds = 5) {
  const end = Date.now() + seconds * 1000;
  while (!done()) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${done}`);
    await new Promise((next) => setTimeout(next, 10));
  }
}

module.exports = { DOCUMENT, PACKAGE, guide, json, run, serve, until };
