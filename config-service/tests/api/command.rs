//! The command line as scripts call it: output, exit codes, signals.

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use serde_json::{Value, json};

use super::door::FLAGS;

fn jackstaff(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jackstaff")).args(arguments).current_dir(folder).env_remove("ENVIRONMENT").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("flags.yaml"), FLAGS).unwrap();
    std::fs::write(folder.path().join("bad.yaml"), "flags:\n  a: { typ: boolean }\n  b: { fallthrough: onn }\n").unwrap();
    folder
}

struct Running {
    child: Child,
    url: String,
}

impl Running {
    fn start(folder: &Path, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackstaff"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--data", "data", "--json"]).args(more).current_dir(folder);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let line: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(line["event"], "listening");
        assert_eq!(line["url"], format!("http://{}", line["address"].as_str().unwrap()));
        Self { url: line["url"].as_str().unwrap().to_owned(), child }
    }

    /// Ends it as a supervisor does, and yields how it went and what it logged.
    fn stop(mut self) -> (Option<i32>, String) {
        let killed = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn evaluate_reads_a_file() {
    let folder = folder();
    let run = |more: &[&str]| jackstaff(folder.path(), &[&["evaluate", "--file", "flags.yaml"], more].concat());
    let on = run(&["--json", "new_ui", "user123"]);
    assert_eq!(on.status.code(), Some(0), "{}", text(&on.stderr));
    let line: Value = serde_json::from_slice(&on.stdout).unwrap();
    assert_eq!(
        line,
        json!({"flag_name": "new_ui", "environment": "development", "enabled": true, "value": true, "variant": "on", "reason": "user_targeted", "rule": "targets", "version": 0, "epoch": ""})
    );
    let off = run(&["--json", "--environment", "production", "new_ui", "user123"]);
    assert_eq!(serde_json::from_slice::<Value>(&off.stdout).unwrap()["reason"], "disabled");
    let staff = run(&["--context", r#"{"email": "a@shop.example"}"#, "new_ui"]);
    assert_eq!(text(&staff.stdout), "new_ui is on: true (variant on), because rule_matched, rule \"staff first\"\n");
    let why = run(&["--explain", "--json", "new_ui", "u"]);
    assert!(serde_json::from_slice::<Value>(&why.stdout).unwrap()["explanation"]["steps"].as_array().unwrap().len() > 2);
    let unknown = run(&["nope", "u"]);
    assert_eq!((unknown.status.code(), text(&unknown.stdout).len()), (Some(1), 0));
    assert!(text(&unknown.stderr).contains("\"nope\""));
    for (wrong, word) in [
        (&["-e", "nowhere", "new_ui", "u"][..], "nowhere"),
        (&["--context", "{", "new_ui", "u"], "--context"),
        (&["--now", "soon", "new_ui", "u"], "soon"),
        (&["--format", "mystery", "new_ui", "u"], "mystery"),
        (&["new_ui"], "user"),
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(text(&output.stderr).contains(word), "{wrong:?}: {}", text(&output.stderr));
    }
}

#[test]
fn lint_finds_every_mistake() {
    let folder = folder();
    let good = jackstaff(folder.path(), &["lint", "flags.yaml"]);
    assert_eq!((good.status.code(), text(&good.stdout)), (Some(0), String::new()));
    let bad = jackstaff(folder.path(), &["lint", "flags.yaml", "bad.yaml"]);
    let lines = text(&bad.stdout);
    assert_eq!((bad.status.code(), lines.lines().count()), (Some(1), 2), "{lines}");
    assert!(lines.contains("bad.yaml:2:8: flags.a: ") && lines.contains("bad.yaml:3:21: flags.b.fallthrough: "), "{lines}");
    let json = jackstaff(folder.path(), &["lint", "--json", "bad.yaml"]);
    let first: Value = serde_json::from_str(text(&json.stdout).lines().next().unwrap()).unwrap();
    assert_eq!((&first["file"], &first["line"], &first["severity"]), (&json!("bad.yaml"), &json!(2), &json!("error")));
    assert_eq!(jackstaff(folder.path(), &["lint", "nothing.yaml"]).status.code(), Some(2));
    let schema = jackstaff(folder.path(), &["schema"]);
    assert!(serde_json::from_slice::<Value>(&schema.stdout).unwrap()["$schema"].is_string());
}

#[test]
fn guide_flaw_54_serve_keeps_users_out_of_its_log() {
    let folder = folder();
    let service = Running::start(folder.path(), &["--flags", "flags.yaml"]);
    let ask = |more: &[&str]| jackstaff(folder.path(), &[&["evaluate", "--service", &service.url, "--json"], more].concat());
    let on = ask(&["new_ui", "very-private-user-id"]);
    assert_eq!(on.status.code(), Some(0), "{}", text(&on.stderr));
    assert_eq!(serde_json::from_slice::<Value>(&on.stdout).unwrap()["version"], 1);
    assert_eq!(ask(&["nope", "very-private-user-id"]).status.code(), Some(1));
    assert_eq!(ask(&["-e", "nowhere", "new_ui", "u"]).status.code(), Some(1));
    std::fs::write(folder.path().join("more.yaml"), "flags: { more: {} }").unwrap();
    let import = jackstaff(folder.path(), &["import", "--file", "more.yaml", "--service", &service.url, "--comment", "a & b", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&import.stdout).unwrap()["flags"], json!(["more"]), "{}", text(&import.stderr));
    let bad = jackstaff(folder.path(), &["import", "--file", "bad.yaml", "--service", &service.url]);
    assert_eq!(bad.status.code(), Some(1));
    assert!(text(&bad.stderr).contains("2:8: flags.a"), "{}", text(&bad.stderr));
    let export = jackstaff(folder.path(), &["export", "--service", &service.url]);
    std::fs::write(folder.path().join("out.yaml"), &export.stdout).unwrap();
    assert_eq!(jackstaff(folder.path(), &["lint", "out.yaml"]).status.code(), Some(0));
    let url = service.url.clone();
    let (code, log) = service.stop();
    assert_eq!(code, Some(0));
    assert!(log.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{log}");
    assert!(log.contains("committed") && log.contains("stopped"), "{log}");
    assert!(!log.contains("very-private-user-id"), "{log}");
    let gone = jackstaff(folder.path(), &["evaluate", "--service", &url, "new_ui", "u"]);
    assert_eq!(gone.status.code(), Some(3), "{}", text(&gone.stderr));
}

#[test]
fn a_watched_file_is_imported_when_it_is_saved() {
    let folder = folder();
    let service = Running::start(folder.path(), &["--flags", "flags.yaml", "--watch"]);
    let is_on = || {
        let answer = jackstaff(folder.path(), &["evaluate", "--service", &service.url, "--json", "dark_mode", "u"]);
        serde_json::from_slice::<Value>(&answer.stdout).unwrap()["enabled"].as_bool().unwrap()
    };
    let save = |text: &str| std::fs::write(folder.path().join("flags.yaml"), text).unwrap();
    assert!(is_on());
    save(&FLAGS.replace("dark_mode: { type: boolean,", "dark_mode: { type: boolean, enabled: false,"));
    let became_off = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        !is_on()
    });
    assert!(became_off);
    save("flags: { dark_mode: { typ: boolean } }");
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert!(!is_on(), "a file with mistakes changes nothing");
    let (_, log) = service.stop();
    assert!(log.contains("typ") && log.contains("served on"), "{log}");
}

#[test]
fn what_was_written_outlives_a_kill() {
    let folder = folder();
    let mut service = Running::start(folder.path(), &["--flags", "flags.yaml"]);
    std::fs::write(folder.path().join("more.yaml"), "flags: { more: {} }").unwrap();
    assert!(jackstaff(folder.path(), &["import", "--file", "more.yaml", "--service", &service.url]).status.success());
    let export = |url: &str| text(&jackstaff(folder.path(), &["export", "--service", url]).stdout);
    let before = export(&service.url);
    service.child.kill().unwrap();
    service.child.wait().unwrap();
    let again = Running::start(folder.path(), &[]);
    assert_eq!(export(&again.url), before);
    assert!(before.contains("more:"));
}

#[test]
fn evaluate_reads_other_vendors_files() {
    let folder = folder();
    let ufc = r#"{"format": "SERVER", "environment": {"name": "Test"}, "flags": {"kill": {"key": "kill", "enabled": true, "variationType": "BOOLEAN",
        "variations": {"on": {"key": "on", "value": true}}, "totalShards": 10000,
        "allocations": [{"key": "all", "rules": [], "splits": [{"variationKey": "on", "shards": []}], "doLog": false}]}}}"#;
    std::fs::write(folder.path().join("ufc.json"), ufc).unwrap();
    let output = jackstaff(folder.path(), &["evaluate", "--file", "ufc.json", "--format", "ufc", "--json", "kill", "u"]);
    let line: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)));
    assert_eq!((output.status.code(), &line["value"], &line["variant"]), (Some(0), &json!(true), &json!("on")));
}

#[test]
fn serve_refuses_bad_flags_and_open_doors() {
    let folder = folder();
    let bad = jackstaff(folder.path(), &["serve", "--listen", "127.0.0.1:0", "--flags", "bad.yaml"]);
    assert_eq!(bad.status.code(), Some(2));
    let message = text(&bad.stderr);
    assert!(message.contains("bad.yaml:2:8") && message.contains("bad.yaml:3:21"), "all of them: {message}");
    let public = jackstaff(folder.path(), &["serve", "--listen", "0.0.0.0:0"]);
    assert_eq!(public.status.code(), Some(2));
    assert!(text(&public.stderr).contains("jackstaff keys create"), "{}", text(&public.stderr));
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert_eq!(jackstaff(folder.path(), &["serve", "--listen", &address]).status.code(), Some(2));
}

#[test]
fn keys_are_made_listed_and_revoked_while_a_service_runs() {
    let folder = folder();
    let service = Running::start(folder.path(), &["--flags", "flags.yaml"]);
    let keys = |arguments: &[&str]| jackstaff(folder.path(), &[&["keys", "--data", "data"], arguments].concat());
    let made = keys(&["create", "--kind", "server", "--environment", "production", "--name", "shop"]);
    let key = text(&made.stdout).trim().to_owned();
    assert!(key.starts_with("ffs_") && made.status.success(), "{}", text(&made.stderr));
    let listed: Value = serde_json::from_str(text(&keys(&["list", "--json"]).stdout).trim()).unwrap();
    assert_eq!((&listed["name"], &listed["environment"], &listed["revoked_at"]), (&json!("shop"), &json!("production"), &Value::Null));
    assert!(!listed.to_string().contains(&key[13..56]), "the secret is nowhere");
    std::thread::sleep(std::time::Duration::from_millis(1_500)); // the service looks every second
    let ask =
        |more: &[&str]| jackstaff(folder.path(), &[&["evaluate", "--service", &service.url, "new_ui", "u"], more].concat()).status.code();
    assert_eq!(ask(&["-e", "production"]), Some(2), "without a key");
    assert_eq!(ask(&["-e", "production", "--api-key", &key]), Some(0));
    assert_eq!(ask(&["-e", "development", "--api-key", &key]), Some(2), "another environment");
    assert!(keys(&["revoke", listed["id"].as_str().unwrap()]).status.success());
    assert_eq!(keys(&["revoke", listed["id"].as_str().unwrap()]).status.code(), Some(1));
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    assert_eq!(ask(&["-e", "production", "--api-key", &key]), Some(2), "revoked");
    for wrong in [
        &["create", "--kind", "server"][..],
        &["create", "--kind", "server", "--environment", "nowhere"],
        &["create", "--kind", "admin", "--environment", "production"],
        &["create", "--kind", "admin", "--expires", "2001-01-01"],
    ] {
        assert_eq!(keys(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn folders_are_imported_into_and_exported_from() {
    let folder = folder();
    let run = |arguments: &[&str]| jackstaff(folder.path(), arguments);
    let would = run(&["import", "--file", "flags.yaml", "--data", "d", "--dry-run"]);
    assert_eq!(
        text(&would.stdout),
        "would change 3 flags and 1 segments; moves development, production, staging, test\n",
        "{}",
        text(&would.stderr)
    );
    assert_eq!(run(&["import", "--file", "flags.yaml", "--data", "d"]).status.code(), Some(0));
    assert_eq!(
        text(&run(&["import", "--file", "flags.yaml", "--data", "d"]).stdout),
        "changed 0 flags and 0 segments; no environment moves\n"
    );
    let json: Value = serde_json::from_slice(&run(&["export", "--data", "d", "--format", "json"]).stdout).unwrap();
    assert_eq!(json["flags"].as_object().unwrap().len(), 3);
    assert_eq!(run(&["import", "--file", "bad.yaml", "--data", "d"]).status.code(), Some(1));
    assert_eq!(run(&["export", "--data", "nothing-here"]).status.code(), Some(2));
    assert!(!folder.path().join("nothing-here").exists(), "asking does not make a store");
}
