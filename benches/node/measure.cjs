'use strict';
// Measures one engine in a process of its own and prints one JSON object:
//   node --expose-gc measure.cjs PEER DATA [--only w1,w2] [--target SECONDS]
// `ev` with the user's context made beforehand, `e2e` with it made in the loop. All users are evaluated first and the answers compared.

const fs = require('fs'), path = require('path'), cp = require('child_process');
const { PEERS, NM, read, req } = require('./peers.cjs');
const args = process.argv.slice(2);
const peerName = args[0], DATA = args[1];
const opt = (k, d) => { const i = args.indexOf(k); return i < 0 ? d : args[i + 1]; };
const TARGET = parseFloat(opt('--target', '0.12')), ONLY = opt('--only', 'w1,w2,w3,w4,w5,w6').split(',');

const now = () => process.hrtime.bigint();
const median = a => { const s = [...a].sort((x, y) => x - y), m = s.length >> 1; return s.length % 2 ? s[m] : (s[m - 1] + s[m]) / 2; };
function compile(ns, expr, mk, isAsync) {
  const names = Object.keys(ns);
  const src = `${isAsync ? 'async ' : ''}function loop(items, from, count, flag) { let n = 0; const len = items.length; let j = from % len;
    for (let i = 0; i < count; i++) { const ${mk ? 'u' : 'c'} = items[j]; if (++j === len) j = 0; ${mk ? `const c = ${mk};` : ''} if (${expr}) n++; } return n; } return loop;`;
  return new Function(...names, src)(...names.map(k => ns[k]));
}
function compileBatch(ns, stmt, mk, isAsync) {
  const names = Object.keys(ns);
  const src = `${isAsync ? 'async ' : ''}function loop(items, from, count, ks) { let n = 0; const len = items.length; let j = from % len;
    for (let i = 0; i < count; i++) { const ${mk ? 'u' : 'c'} = items[j]; if (++j === len) j = 0; ${mk ? `const c = ${mk};` : ''} ${stmt} } return n; } return loop;`;
  return new Function(...names, src)(...names.map(k => ns[k]));
}
async function timed(loop, items, arg, isAsync, blocks = 11, target = TARGET) {
  const run = async (n) => { const c0 = process.cpuUsage(), t = now(); let r = loop(items, 0, n, arg); if (isAsync) r = await r; const w = Number(now() - t), c = process.cpuUsage(c0); return [w, r, (c.user + c.system) * 1e3]; };
  const k = Math.min(items.length, 500);
  const end = Date.now() + 400; let per = 1e9;
  while (Date.now() < end) { const [t] = await run(k); per = t / k; }
  let n = Math.max(100, Math.round(target * 1e9 / per)); if (n > items.length) n = Math.round(n / items.length) * items.length || items.length;
  await run(n);
  const res = [], cpu = []; let trues = null;
  if (global.gc) global.gc();
  for (let b = 0; b < blocks; b++) { const [t, r, c] = await run(n); res.push(t / n); cpu.push(c / n); if (trues !== null && trues !== r) throw new Error('non-deterministic'); trues = r; }
  const rd = x => Math.round(x * 10) / 10;
  return { median_ns: rd(median(res)), min_ns: rd(Math.min(...res)), max_ns: rd(Math.max(...res)), cpu_median_ns: rd(median(cpu)), cpu_min_ns: rd(Math.min(...cpu)), blocks, ops_per_block: n };
}
module.exports = { timed, compile, median };

async function w6child() {
  const u = { id: 'user-b6589fc6ab0', country: 'US', plan: 'pro', app_version: '2.3.0', app_version_num: 20300 };
  const P0 = Object.create(PEERS[peerName]); await P0.load(path.join(DATA, 'small')); try { await P0.close?.(); } catch {}
  global.gc(); await new Promise(r => setTimeout(r, 50)); global.gc();
  const m0 = process.memoryUsage(); const t0 = now(), c0 = process.cpuUsage();
  const P = Object.create(PEERS[peerName]); const ns = await P.load(path.join(DATA, 'big'));
  const names = Object.keys(ns), vals = names.map(k => ns[k]);
  const c = new Function(...names, 'u', 'return ' + P.mk)(...vals, u);
  const A = P.async ? 'async ' : '';
  const ev = new Function(...names, `return ${A}(flag, c) => !!(${P.ev})`)(...vals), evr = new Function(...names, `return ${A}(flag, c) => !!(${P.evRules || P.ev})`)(...vals);
  await ev('f00000', c); const t1 = now(), cu = process.cpuUsage(c0);
  global.gc(); await new Promise(r => setTimeout(r, 30)); global.gc(); const m1 = process.memoryUsage();
  const big = JSON.parse(read(DATA, 'inputs.json')).big; global.gc(); const m1b = process.memoryUsage();
  let n = 0; const t2 = now(); if (P.restrict) n = Object.values(ns.ger(c).flags).filter(f => f.enabled).length; else for (const b of big) n += (await (b.kind === 'rules' ? evr : ev)(b.key, c)) ? 1 : 0; const t3 = now();
  global.gc(); const m2 = process.memoryUsage();
  const mb = x => x / 1e6;
  console.log(JSON.stringify({ load_ms: Number(t1 - t0) / 1e6, load_cpu_ms: (cu.user + cu.system) / 1e3, rss_mb: mb(m1.rss - m0.rss), heap_mb: mb(m1.heapUsed + m1.external - m0.heapUsed - m0.external), rss_after_eval_all_mb: mb(m2.rss - m1b.rss + m1.rss - m0.rss), eval_all_ms: Number(t3 - t2) / 1e6, process_rss_mb: mb(m2.rss), trues: n }));
  process.exit(0);
}

async function main() {
  if (args.includes('--load-only')) return w6child();
  const inp = JSON.parse(read(DATA, 'inputs.json')), users = inp.users;
  const P = PEERS[peerName]; const ns = await P.load(path.join(DATA, 'small'));
  let version; try { version = peerName.startsWith('jackstaff') ? require('../../bindings-node/package.json').version : req(P.pkg + '/package.json').version; } catch { version = JSON.parse(fs.readFileSync(path.join(NM, 'node_modules', P.pkg, 'package.json'))).version; }
  const out = { lang: 'node', peer: peerName, package: P.pkg, version, notes: P.notes, results: {} };
  const names = Object.keys(ns), vals = names.map(k => ns[k]); const A = P.async ? 'async ' : '';
  const mk = new Function(...names, 'return (u) => ' + P.mk)(...vals);
  const sets = { w1: users, w2: inp.w2_users.map(i => users[i]), w3: users, w4: users };
  for (const w of ['w1', 'w2', 'w3', 'w4']) {
    if (!ONLY.includes(w)) continue;
    P.restrict?.([inp.flags[w]]);
    const flag = inp.flags[w], us = sets[w], expr = w === 'w4' && P.evRules || P.ev;
    const ev1 = new Function(...names, `return ${A}(flag, c) => !!(${expr})`)(...vals);
    const got = []; for (const u of us) got.push(await ev1(flag, mk(u)));
    const trues = got.filter(Boolean).length;
    const ok = { w1: trues === us.length, w2: us.every((u, i) => u.hit === got[i]), w3: Math.abs(trues - us.length / 2) < 250,
      w4: us.every((u, i) => u.match || !got[i]) && Math.abs(trues - 1250) < 170 }[w];
    const r = { trues, of: us.length, ok };
    r.ev = await timed(compile(ns, expr, null, P.async), us.map(mk), flag, P.async);
    r.e2e = await timed(compile(ns, expr, P.mk, P.async), us, flag, P.async);
    out.results[w] = r;
  }
  if (ONLY.includes('w5')) {
    P.restrict?.(inp.batch.map(b => b.key));
    const keys = inp.batch.map(b => b.key), us = inp.batch_users.map(i => users[i]);
    const stmt = P.batch || `for (const flag of ks) { if (${P.ev}) n++; }`;
    const fb = compileBatch(ns, stmt, P.mk, P.async);
    const got = []; for (const u of us) got.push(await fb([u], 0, 1, keys));
    let exp = 0, ok = true; us.forEach((u, i) => { const lo = 10 + 10 * u.hit; exp += lo + 5 + 2.5 * u.match; if (got[i] < lo || got[i] > lo + 10 + 10 * u.match) ok = false; });
    const trues = got.reduce((a, b) => a + b, 0); ok = ok && Math.abs(trues - exp) < 0.12 * exp;
    const r = { trues, of: us.length * 50, expected_about: exp, ok, api: P.batch ? 'native batch' : '50 single calls' };
    r.ev = await timed(compileBatch(ns, stmt, null, P.async), us.map(mk), keys, P.async);
    r.e2e = await timed(fb, us, keys, P.async);
    out.results.w5 = r;
  }
  try { await P.close?.(); } catch {}
  if (ONLY.includes('w6')) {
    const runs = [];
    for (let i = 0; i < 3; i++) {
      const o = cp.spawnSync(process.execPath, ['--expose-gc', __filename, peerName, DATA, '--load-only'], { encoding: 'utf8', timeout: 300000, env: process.env });
      if (o.status !== 0) { out.results.w6 = { error: (o.stderr || '').slice(-400) }; break; }
      runs.push(JSON.parse(o.stdout.trim().split('\n').pop()));
    }
    if (runs.length === 3) { const m = {}; for (const k of Object.keys(runs[0])) m[k] = Math.round(median(runs.map(r => r[k])) * 100) / 100; out.results.w6 = m; }
  }
  console.log(JSON.stringify(out));
  process.exit(0);
}
if (require.main === module) main().catch(e => { console.error(e); process.exit(1); });
