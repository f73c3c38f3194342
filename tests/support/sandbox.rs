//! Network namespaces for tests: made without names, so that nothing stays behind however a test ends.
//!
//! A namespace lives as long as its [`Namespace`] (or a process in it) does; the kernel removes its links with it.
//!
//! ```ignore
//! let (server, client) = (Namespace::new(), Namespace::new());
//! server.veth("srv0", &client, "cli0");
//! server.ip("address add 10.0.0.1/24 dev srv0");
//! let addresses = server.ip_json("address show");
//! server.block_on(async { /* sockets made here are in the namespace */ });
//! let dhcp = client.spawn("udhcpc", &["-f", "-i", "cli0"]); // killed when dropped
//! ```

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace with nothing but its loopback, which is up.
pub struct Namespace {
    handle: File,
}

/// A program that runs in a namespace and is killed with this value.
pub struct Running {
    child: Child,
}

impl Namespace {
    /// # Panics
    /// Where namespaces may not be made: tests never skip in silence.
    pub fn new() -> Self {
        let made = thread::spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).map(|()| File::open("/proc/thread-self/ns/net"))
        });
        let handle = match made.join().expect("unshare does not panic") {
            Ok(handle) => handle.expect("/proc must be mounted"),
            Err(errno) => panic!(
                "cannot make a network namespace ({errno}): run the tests as root, or under `unshare --user --map-root-user --net`"
            ),
        };
        let namespace = Self { handle };
        namespace.ip("link set lo up");
        namespace
    }

    /// The namespace as a path, as `ip link set … netns PATH` and `nsenter --net=PATH` take it.
    pub fn path(&self) -> String {
        format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            self.handle.as_raw_fd()
        )
    }

    /// Joins this namespace and `other` by a virtual cable whose two ends are up.
    pub fn veth(&self, link: &str, other: &Self, other_link: &str) {
        let end = other.path();
        self.ip(&format!(
            "link add {link} type veth peer name {other_link} netns {end}"
        ));
        self.ip(&format!("link set {link} up"));
        other.ip(&format!("link set {other_link} up"));
    }

    /// Runs `work` on a thread of its own inside; a panic in it is the caller's.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            setns(self.handle.as_fd(), CloneFlags::CLONE_NEWNET).expect("enter the namespace");
            work()
        };
        let ended = thread::scope(|scope| scope.spawn(inside).join());
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// Runs `work` to its end inside, on a runtime of one thread.
    pub fn block_on<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        self.run(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("start a runtime");
            runtime.block_on(work)
        })
    }

    /// A command that will run inside.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net={}", self.path()))
            .arg("--")
            .arg(program);
        command
    }

    /// Runs a program to its end and gives back what it said.
    pub fn output(&self, program: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        // A child begins in the namespace of the thread that starts it.
        let output = self.run(|| command.output());
        output.unwrap_or_else(|error| panic!("cannot run {program} ({error}): see tests/setup"))
    }

    /// Starts a program whose output is piped to the test.
    pub fn spawn(&self, program: &str, arguments: &[&str]) -> Running {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        self.run(|| Running::start(&mut command))
    }

    /// `ip` with the words of `arguments`; what it printed.
    pub fn ip(&self, arguments: &str) -> String {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        let output = self.output("ip", &words);
        assert!(
            output.status.success(),
            "ip {arguments}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("ip prints UTF-8")
    }

    /// `ip` with each line of words, up to the first that it refuses: one process, where many would take long.
    pub fn batch(&self, lines: &[impl AsRef<str>]) {
        if lines.is_empty() {
            return;
        }
        let mut command = Command::new("ip");
        command.args(["-batch", "-"]).stdin(Stdio::piped());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let child = self.run(|| command.spawn());
        let mut child = child.expect("run ip: see tests/setup");
        let mut input = child.stdin.take().expect("a pipe");
        let text: String = lines
            .iter()
            .flat_map(|line| [line.as_ref(), "\n"])
            .collect();
        // Where it ended early, what it said tells why.
        let _ = input.write_all(text.as_bytes());
        drop(input);
        let output = child.wait_with_output().expect("wait for ip");
        let said = String::from_utf8_lossy(&output.stderr);
        let refused = said.rsplit_once("-:").map(|(_, number)| number.trim());
        let refused = refused.and_then(|number| lines.get(number.parse::<usize>().ok()? - 1));
        let refused = refused.map(AsRef::as_ref).unwrap_or_default();
        assert!(output.status.success(), "ip {refused}: {said}");
    }

    /// `ip -j -d` with the words of `arguments`, read.
    pub fn ip_json(&self, arguments: &str) -> serde_json::Value {
        let text = self.ip(&format!("-j -d {arguments}"));
        if text.trim().is_empty() {
            return serde_json::Value::Array(Vec::new());
        }
        serde_json::from_str(&text).expect("ip -j prints JSON")
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Running {
    /// Starts a command as it is; its program ends with this value.
    pub fn start(command: &mut Command) -> Self {
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot run a program ({error}): see tests/setup"));
        Self { child }
    }

    /// The program itself, to read from or wait for.
    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
