//! Network namespaces of the test's own: each lives in one thread and is gone with it, whatever happens.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use bedplate::serve::dhcp::{NameChange, Server};
use bedplate::state::Service;
use bedplate::store::Store;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::gettid;

type Job = Box<dyn FnOnce() + Send>;

/// A network and mount namespace, and the thread that works in it.
pub(crate) struct Namespace {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    tid: i32,
}

impl Namespace {
    pub(crate) fn new() -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            unshare(CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS).unwrap();
            hide_host();
            run("ip", "link set lo up");
            tell.send(gettid().as_raw()).unwrap();
            queue.into_iter().for_each(|job| job());
        });
        let tid = told.recv().expect("namespaces need root");
        Self {
            jobs: Some(jobs),
            thread: Some(thread),
            tid,
        }
    }

    /// Runs `job` inside; threads and processes that it starts are inside too.
    pub(crate) fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (done, answer) = mpsc::channel();
        let job = Box::new(move || drop(done.send(job())));
        self.jobs.as_ref().unwrap().send(job).unwrap();
        answer.recv().expect("the job panicked")
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.jobs = None;
        // A job that panicked has failed the test already.
        let _ = self.thread.take().unwrap().join();
    }
}

/// DHCP clients keep their files here, and must not meet the host's.
fn hide_host() {
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    for folder in ["/run", "/var/lib/dhcp", "/var/lib/dhcpcd"] {
        if Path::new(folder).exists() {
            mount(Some("none"), folder, Some("tmpfs"), MsFlags::empty(), none).unwrap();
        }
    }
}

pub(crate) fn run(program: &str, arguments: &str) {
    let ran = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    let fault = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{program} {arguments}: {fault}");
}

/// Two namespaces joined by a cable: `srv` with `address` on one side, `cli` without any on the other.
pub(crate) fn cable(address: &'static str) -> (Namespace, Namespace) {
    let (server, client) = (Namespace::new(), Namespace::new());
    join((&server, "srv"), (&client, "cli"));
    server.run(move || run("ip", &format!("address add {address} dev srv")));
    (server, client)
}

/// Joins two namespaces by a cable whose ends are up.
pub(crate) fn join(near: (&Namespace, &'static str), far: (&Namespace, &'static str)) {
    let (here, there, tid) = (near.1, far.1, far.0.tid);
    near.0.run(move || {
        run(
            "ip",
            &format!("link add {here} type veth peer name {there} netns {tid}"),
        );
        run("ip", &format!("link set {here} up"));
    });
    far.0
        .run(move || run("ip", &format!("link set {there} up")));
}

/// A server of `site` on `srv`, inside `namespace`.
pub(crate) fn serve<S: Store>(
    namespace: &Namespace,
    store: Arc<S>,
    site: &serde_json::Value,
    address: &'static str,
    publish: impl Fn(NameChange) + Send + Sync + 'static,
) -> Server {
    let config = crate::support::config(site);
    namespace.run(move || {
        let server = Server::start(store, publish).unwrap();
        let link = "srv".parse().unwrap();
        wait(server.configure(config)).unwrap();
        wait(server.open(Service::Dhcp, &link, address.parse().unwrap())).unwrap();
        server
    })
}

/// Runs a future to its end on this thread.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

pub(crate) fn script(path: &Path, text: &str) {
    let mut file = File::create(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let executable = std::fs::Permissions::from_mode(0o755);
    file.set_permissions(executable).unwrap();
}
