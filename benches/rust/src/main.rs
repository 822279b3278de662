//! Measures one engine and prints one JSON object: `jackstaff-rivals PEER DATA [--only w1,w2] [--target SECONDS]`.
//!
//! A crate outside the workspace, so that no other build compiles the rivals.

mod peers;

use std::hint::black_box;
use std::time::Instant;

use serde_json::{Value, json};

/// A user of `inputs.json`.
pub struct User {
    id: String,
    country: String,
    plan: String,
    version: String,
    hit: bool,
    matches: bool,
}

struct Inputs {
    users: Vec<User>,
    w2: Vec<usize>,
    batch: Vec<(String, String)>,
    batch_users: Vec<usize>,
    big: Vec<(String, String)>,
}

fn load_inputs(d: &str) -> Inputs {
    let v: Value = serde_json::from_slice(&std::fs::read(format!("{d}/inputs.json")).unwrap()).unwrap();
    let s = |x: &Value| x.as_str().unwrap().to_string();
    let kk = |x: &Value| x.as_array().unwrap().iter().map(|b| (s(&b["key"]), s(&b["kind"]))).collect();
    let ix = |x: &Value| x.as_array().unwrap().iter().map(|i| i.as_u64().unwrap() as usize).collect();
    Inputs {
        users: v["users"]
            .as_array()
            .unwrap()
            .iter()
            .map(|u| User {
                id: s(&u["id"]),
                country: s(&u["country"]),
                plan: s(&u["plan"]),
                version: s(&u["app_version"]),
                hit: u["hit"].as_bool().unwrap(),
                matches: u["match"].as_bool().unwrap(),
            })
            .collect(),
        w2: ix(&v["w2_users"]),
        batch: kk(&v["batch"]),
        batch_users: ix(&v["batch_users"]),
        big: kk(&v["big"]),
    }
}

/// An engine.
pub trait Peer {
    type Ctx;
    const NAME: &'static str;
    const PKG: &'static str;
    const NOTES: &'static str;
    const CTX_LIMIT: usize = usize::MAX;
    fn load(dir: &str) -> Self;
    fn restrict(&mut self, _keys: &[&str]) {}
    fn mk(&self, u: &User) -> Self::Ctx;
    fn ev(&self, flag: &str, c: &Self::Ctx) -> bool;
    fn batch(&self, keys: &[&str], c: &Self::Ctx) -> usize {
        keys.iter().filter(|k| self.ev(k, c)).count()
    }
}

/// CPU time of this thread: immune to other tenants preempting us (not to shared caches / SMT).
fn cpu_ns() -> f64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut ts) };
    ts.tv_sec as f64 * 1e9 + ts.tv_nsec as f64
}
fn stats(mut r: Vec<f64>, mut c: Vec<f64>, n: usize) -> Value {
    let blocks = r.len();
    c.sort_by(|a, b| a.partial_cmp(b).unwrap());
    r.sort_by(|a, b| a.partial_cmp(b).unwrap());
    let rd = |x: f64| (x * 10.0).round() / 10.0;
    json!({"median_ns": rd(r[blocks / 2]), "min_ns": rd(r[0]), "max_ns": rd(r[blocks - 1]), "cpu_median_ns": rd(c[blocks / 2]), "cpu_min_ns": rd(c[0]), "blocks": blocks, "ops_per_block": n})
}
fn timed<T>(items: &[T], target: f64, mut f: impl FnMut(&T) -> usize) -> Value {
    let end = Instant::now() + std::time::Duration::from_millis(300);
    let (mut cnt, t0) = (0u64, Instant::now());
    'w: loop {
        for i in items {
            black_box(f(black_box(i)));
            cnt += 1;
            if cnt % 16 == 0 && Instant::now() > end {
                break 'w;
            }
        }
    }
    let per = t0.elapsed().as_secs_f64() / cnt as f64;
    let n = ((target / per) as usize).max(50);
    let (reps, sub) = if n >= items.len() { ((n / items.len()).max(1), items.len()) } else { (1, n) };
    let (mut res, mut cpu) = (vec![], vec![]);
    let mut trues = None;
    for _ in 0..11 {
        let c = cpu_ns();
        let t = Instant::now();
        let mut s = 0usize;
        for _ in 0..reps {
            for i in &items[..sub] {
                s += f(black_box(i));
            }
        }
        res.push(t.elapsed().as_nanos() as f64 / (reps * sub) as f64);
        cpu.push((cpu_ns() - c) / (reps * sub) as f64);
        assert!(trues.map_or(true, |x| x == s));
        trues = Some(s);
    }
    stats(res, cpu, reps * sub)
}
fn rss() -> f64 {
    let s = std::fs::read_to_string("/proc/self/statm").unwrap();
    s.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 4096.0 / 1e6
}
fn run<P: Peer>(data: &str, load_only: bool, target: f64, only: &str) {
    let wanted = |workload: &str| only.split(',').any(|one| one == workload);
    if load_only {
        drop(P::load(&format!("{data}/small")));
        // synthetic user; inputs.json is parsed only after the measurement (its freed memory would hide the load's growth)
        let u = &User {
            id: "user-b6589fc6ab0".into(),
            country: "US".into(),
            plan: "pro".into(),
            version: "2.3.0".into(),
            hit: true,
            matches: true,
        };
        let (r0, c0, t0) = (rss(), cpu_ns(), Instant::now());
        let p = P::load(&format!("{data}/big"));
        let c = p.mk(u);
        black_box(p.ev("f00000", &c));
        let (t1, c1, r1) = (t0.elapsed(), cpu_ns(), rss());
        let inp = load_inputs(data);
        let r2 = rss();
        let t2 = Instant::now();
        let n = if P::NAME == "flagsmith-engine" { p.batch(&[], &c) } else { inp.big.iter().filter(|b| p.ev(&b.0, &c)).count() };
        println!(
            "{}",
            json!({"load_ms": t1.as_secs_f64() * 1e3, "load_cpu_ms": (c1 - c0) / 1e6, "rss_mb": r1 - r0, "rss_after_eval_all_mb": rss() - r2 + r1 - r0, "eval_all_ms": t2.elapsed().as_secs_f64() * 1e3, "process_rss_mb": rss(), "trues": n})
        );
        return;
    }
    let inp = load_inputs(data);
    let mut p = P::load(&format!("{data}/small"));
    let mut res = serde_json::Map::new();
    for (w, flag) in [("w1", "w1-on"), ("w2", "w2-targeted"), ("w3", "w3-rollout"), ("w4", "w4-rules")] {
        if !wanted(w) {
            continue;
        }
        p.restrict(&[flag]);
        let us: Vec<&User> = if w == "w2" { inp.w2.iter().map(|&i| &inp.users[i]).collect() } else { inp.users.iter().collect() };
        let got: Vec<bool> = us.iter().map(|u| p.ev(flag, &p.mk(u))).collect();
        let t = got.iter().filter(|x| **x).count();
        let ok = match w {
            "w1" => t == us.len(),
            "w2" => us.iter().zip(&got).all(|(u, g)| u.hit == *g),
            "w3" => (t as f64 - us.len() as f64 / 2.0).abs() < 250.0,
            _ => us.iter().zip(&got).all(|(u, g)| u.matches || !*g) && (t as f64 - 1250.0).abs() < 170.0,
        };
        let ctxs: Vec<P::Ctx> = us.iter().take(P::CTX_LIMIT).map(|u| p.mk(u)).collect();
        let ev = timed(&ctxs, target, |c| p.ev(black_box(flag), c) as usize);
        let e2e = timed(&us, target, |u| p.ev(black_box(flag), &p.mk(u)) as usize);
        res.insert(w.into(), json!({"trues": t, "of": us.len(), "ok": ok, "ev": ev, "e2e": e2e}));
    }
    if wanted("w5") {
        let keys: Vec<&str> = inp.batch.iter().map(|b| b.0.as_str()).collect();
        p.restrict(&keys);
        let us: Vec<&User> = inp.batch_users.iter().map(|&i| &inp.users[i]).collect();
        let got: Vec<usize> = us.iter().map(|u| p.batch(&keys, &p.mk(u))).collect();
        let exp: f64 = us.iter().map(|u| 15.0 + 10.0 * u.hit as u8 as f64 + 2.5 * u.matches as u8 as f64).sum();
        let t: usize = got.iter().sum();
        let ctxs: Vec<P::Ctx> = us.iter().map(|u| p.mk(u)).collect();
        let ev = timed(&ctxs, target, |c| p.batch(black_box(&keys), c));
        let e2e = timed(&us, target, |u| p.batch(black_box(&keys), &p.mk(u)));
        res.insert("w5".into(), json!({"trues": t, "of": us.len() * 50, "expected_about": exp, "ok": (t as f64 - exp).abs() < 0.12 * exp, "ev": ev, "e2e": e2e, "api": if P::NAME == "flagsmith-engine" {"native batch"} else {"50 single calls"}}));
    }
    if wanted("w6") {
        let me = std::env::current_exe().unwrap();
        let mut runs: Vec<Value> = vec![];
        for _ in 0..3 {
            let o = std::process::Command::new(&me).args([P::NAME, data, "--load-only"]).output().unwrap();
            runs.push(serde_json::from_slice(&o.stdout).unwrap());
        }
        let mut m = serde_json::Map::new();
        for k in runs[0].as_object().unwrap().keys() {
            let mut v: Vec<f64> = runs.iter().map(|r| r[k].as_f64().unwrap()).collect();
            v.sort_by(|a, b| a.partial_cmp(b).unwrap());
            m.insert(k.clone(), json!((v[1] * 100.0).round() / 100.0));
        }
        res.insert("w6".into(), m.into());
    }
    let lock = include_str!("../Cargo.lock");
    let ver = lock
        .split("[[package]]")
        .find(|b| b.contains(&format!("name = \"{}\"\n", P::PKG)))
        .and_then(|b| b.split("version = \"").nth(1))
        .and_then(|v| v.split('"').next())
        .unwrap_or("?")
        .to_string();
    println!("{}", json!({"lang": "rust", "peer": P::NAME, "package": P::PKG, "version": ver, "notes": P::NOTES, "results": res}));
}
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let lo = a.iter().any(|x| x == "--load-only");
    let target = a.iter().position(|x| x == "--target").map_or(0.12, |i| a[i + 1].parse().unwrap());
    let only = a.iter().position(|x| x == "--only").map_or("w1,w2,w3,w4,w5,w6", |i| &a[i + 1]);
    match a[1].as_str() {
        "jackstaff" => run::<peers::Jackstaff>(&a[2], lo, target, only),
        "yggdrasil" => run::<peers::Unleash>(&a[2], lo, target, only),
        "eppo_core" => run::<peers::Eppo>(&a[2], lo, target, only),
        "launchdarkly-eval" => run::<peers::LaunchDarkly>(&a[2], lo, target, only),
        "flagsmith-engine" => run::<peers::Flagsmith>(&a[2], lo, target, only),
        "growthbook" => run::<peers::GrowthBook>(&a[2], lo, target, only),
        x => panic!("unknown peer {x}"),
    }
}
