//! The real daemon as a child in the sandbox: started, waited for until it is ready, and stopped whatever happens.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::scratch::Scratch;
use crate::base::name::HostName;

/// How long the daemon may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lines of its log that are kept for the case that it fails.
const LOG_LINES: usize = 12;

/// Why there is no daemon.
#[derive(Debug, thiserror::Error)]
pub(super) enum DaemonError {
    #[error("cannot start the daemon")]
    Start(#[source] io::Error),
    #[error("the daemon ended before it was ready; it said: {log}")]
    Ended { log: String },
    #[error("the daemon was not ready within {} s", PATIENCE.as_secs())]
    Slow,
    #[error("cannot stop the daemon")]
    Signal(#[from] Errno),
    #[error("cannot wait for the daemon's end")]
    Wait(#[source] io::Error),
    #[error("the daemon did not stop within {} s and was killed", PATIENCE.as_secs())]
    Stubborn,
    #[error("the daemon ended with {status}; it said: {log}")]
    Failed { status: ExitStatus, log: String },
}

/// A running daemon. The kernel ends it should we end without [`Daemon::stop`].
pub(super) struct Daemon {
    child: Child,
    log: JoinHandle<VecDeque<String>>,
}

/// A line of the daemon's log, as far as it matters here.
#[derive(Deserialize)]
struct LogLine {
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    message: String,
}

impl Daemon {
    /// Starts `bedplate serve` in the namespace of the calling thread; ready when this returns.
    pub(super) async fn start(
        controller: &HostName,
        scratch: &Scratch,
        verbose: bool,
    ) -> Result<Self, DaemonError> {
        let mut command = Command::new("/proc/self/exe");
        command.arg("--socket").arg(scratch.socket()).arg("--json");
        if verbose {
            command.arg("--verbose");
        }
        command.args([
            "serve",
            "--with-parent",
            "--controller",
            controller.as_str(),
        ]);
        command.arg("--state").arg(scratch.state());
        // Our reading of its log must not hang on what the user set for theirs.
        command.env_remove("RUST_LOG");
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped()).kill_on_drop(true);
        // A terminal's Ctrl-C is for the demo, which then ends it in order.
        command.process_group(0);
        let mut child = command.spawn().map_err(DaemonError::Start)?;
        let no_log = || DaemonError::Start(io::ErrorKind::BrokenPipe.into());
        let stderr = child.stderr.take().ok_or_else(no_log)?;
        let (ready, is_ready) = oneshot::channel();
        let log = tokio::spawn(follow(BufReader::new(stderr).lines(), ready, verbose));
        let daemon = Self { child, log };
        match timeout(PATIENCE, is_ready).await {
            Ok(Ok(())) => Ok(daemon),
            Ok(Err(_)) => Err(DaemonError::Ended {
                log: daemon.last_words().await,
            }),
            Err(_) => Err(DaemonError::Slow),
        }
    }

    /// Has the daemon end in order, and waits for it.
    pub(super) async fn stop(mut self) -> Result<(), DaemonError> {
        if let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) {
            kill(Pid::from_raw(id), Signal::SIGTERM)?;
        }
        let Ok(ended) = timeout(PATIENCE, self.child.wait()).await else {
            self.child.kill().await.map_err(DaemonError::Wait)?;
            return Err(DaemonError::Stubborn);
        };
        let status = ended.map_err(DaemonError::Wait)?;
        if status.success() {
            return Ok(());
        }
        let log = self.last_words().await;
        Err(DaemonError::Failed { status, log })
    }

    async fn last_words(self) -> String {
        let lines = self.log.await.unwrap_or_default();
        lines.into_iter().collect::<Vec<_>>().join("\n    ")
    }
}

/// Reads the log to its end, and tells when the daemon is ready; the last lines remain.
async fn follow(
    mut log: Lines<BufReader<ChildStderr>>,
    ready: oneshot::Sender<()>,
    verbose: bool,
) -> VecDeque<String> {
    let mut ready = Some(ready);
    let mut kept = VecDeque::new();
    while let Ok(Some(line)) = log.next_line().await {
        if verbose {
            eprintln!("  daemon: {line}");
        }
        let is_ready =
            serde_json::from_str::<LogLine>(&line).is_ok_and(|line| line.fields.message == "ready");
        if let Some(ready) = ready.take_if(|_| is_ready) {
            // Whoever waited may have gone.
            let _ = ready.send(());
        }
        kept.push_back(line);
        if kept.len() > LOG_LINES {
            kept.pop_front();
        }
    }
    kept
}
