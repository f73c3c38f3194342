//! The emulator of sushy-tools, run as a process that ends with this.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use bedplate::base::secret::Secret;
use bedplate::world::bmc::redfish::{Endpoint, Limits, Target, Transport};
use bedplate::world::https::Trusted;
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const USER: &str = "admin";
pub(crate) const PASSWORD: &str = "hunter2-and-more";

pub(crate) const LIMITS: Limits = Limits {
    connect: Duration::from_secs(20),
    request: Duration::from_secs(20),
    whole: Duration::from_secs(60),
    settle: Duration::from_millis(300),
};

/// A running emulator.
pub(crate) struct Emulator {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    address: String,
    port: u16,
    _state: TempDir,
}

impl Emulator {
    /// `login` is `sessions`, `blades` for two systems, or `basic` for a service without sessions.
    pub(crate) fn start(address: &str, certificate: &Path, login: &str) -> Self {
        let root = env!("CARGO_MANIFEST_DIR");
        let state = tempfile::tempdir().unwrap();
        let mut child = Command::new(format!("{root}/target/python/bin/python"))
            .arg(format!("{root}/tests/redfish/emulator.py"))
            .args([address.as_ref(), certificate, state.path(), login.as_ref()])
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("TMPDIR", state.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("tests/setup installs the emulator");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut port = String::new();
        output.read_line(&mut port).unwrap();
        Self {
            input: child.stdin.take(),
            child,
            output,
            address: address.to_owned(),
            port: port
                .trim()
                .parse()
                .expect("tests/setup installs the emulator"),
            _state: state,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn endpoint(&self, trusted: Trusted) -> Endpoint {
        Endpoint {
            address: self.address.parse().unwrap(),
            port: self.port(),
            name: None,
            transport: Transport::Tls(trusted),
        }
    }

    pub(crate) fn target(&self, trusted: Trusted) -> Target {
        Target {
            endpoint: self.endpoint(trusted),
            username: USER.to_owned(),
            password: Secret::new(PASSWORD.into()),
            system: None,
            limits: LIMITS,
        }
    }

    /// What happened, and how many sessions are open.
    pub(crate) fn told(&mut self) -> Value {
        self.say("")
    }

    /// Ends all sessions, as a timeout does.
    pub(crate) fn expire(&mut self) {
        self.say("expire");
    }

    /// From now on these properties of the system are what it tells.
    #[allow(dead_code, reason = "tests of the daemon alone ask for it")]
    pub(crate) fn show(&mut self, properties: &Value) {
        self.say(&format!("show {properties}"));
    }

    /// From now on it has these resources too, by their paths. Who posts to one with a member `empties` empties the collections there.
    #[allow(dead_code, reason = "tests of the daemon alone ask for it")]
    pub(crate) fn put(&mut self, resources: &Value) {
        self.say(&format!("put {resources}"));
    }

    fn say(&mut self, line: &str) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        drop(self.input.take());
        self.child.kill().ok();
        self.child.wait().unwrap();
    }
}
