//! How the daemon runs programs: no shell, no environment but what is said, no open files but the standard ones, and a process group of
//! its own, which does not outlive whoever waits for it. Must not know what they are run for.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::{Pid, geteuid};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;

/// Where programs that it runs itself are found.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Why a program that the site names is not run.
#[derive(Debug, thiserror::Error)]
pub enum Unguarded {
    #[error(
        "there is no {path}: put the program there, or say in the site where it is",
        path = .0.display()
    )]
    Missing(PathBuf),
    #[error("{path} cannot be looked at: {source}", path = .path.display())]
    Look { path: PathBuf, source: io::Error },
    #[error(
        "others than root and the daemon can change {path}, so that it is not run: chmod go-w {path}",
        path = .0.display()
    )]
    Open(PathBuf),
    #[error(
        "{path} is neither root's nor the daemon's, so that it is not run: chown root {path}",
        path = .0.display()
    )]
    Foreign(PathBuf),
}

/// Sees that nobody but root and the daemon's own user can put another program in its place.
pub(crate) async fn guarded(program: &str) -> Result<(), Unguarded> {
    let path = PathBuf::from(program);
    let looked_for = path.clone();
    let looked = spawn_blocking(move || looked_at(&looked_for)).await;
    looked.map_err(|error| unseen(&path, error.into()))?
}

/// Why a file could not be looked at.
fn unseen(path: &Path, source: io::Error) -> Unguarded {
    let path = path.to_owned();
    if source.kind() == io::ErrorKind::NotFound {
        Unguarded::Missing(path)
    } else {
        Unguarded::Look { path, source }
    }
}

fn looked_at(program: &Path) -> Result<(), Unguarded> {
    let real = fs::canonicalize(program).map_err(|error| unseen(program, error))?;
    // What a link leads to counts, and who could lay another link.
    for part in program.ancestors().skip(1).chain(real.ancestors()) {
        let found = fs::metadata(part).map_err(|error| unseen(part, error))?;
        // What is not one's own cannot be replaced in a folder that is sticky.
        let is_sticky = found.is_dir() && found.mode() & 0o1000 != 0;
        if found.mode() & 0o022 != 0 && !is_sticky {
            return Err(Unguarded::Open(part.to_owned()));
        }
        if ![0, geteuid().as_raw()].contains(&found.uid()) {
            return Err(Unguarded::Foreign(part.to_owned()));
        }
    }
    Ok(())
}

/// A program that is told nothing and heard by nobody, until a stream of it is opened.
pub(crate) fn command(
    program: &str,
    arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", PATH)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .kill_on_drop(true);
    command
}

/// A program that was started. Dropped before its end was waited for, it is killed with its group.
pub(crate) struct Running {
    // Killed before the leader can be waited for, so that the number is nobody else's.
    group: Group,
    pub(crate) child: Child,
}

/// A process group whose leader was not waited for yet.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // One that is gone already is as good.
            let _ = killpg(group, Signal::SIGKILL);
        }
    }
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Ok(Self {
            group: Group(id.map(Pid::from_raw)),
            child,
        })
    }

    /// Waits for its end; what it began itself may go on.
    pub(crate) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let ended = self.child.wait().await;
        // Its number may be another's from now on.
        self.group.0 = None;
        ended
    }

    /// Kills it with all that it began and that stayed in its group.
    pub(crate) async fn kill(&mut self) {
        drop(Group(self.group.0.take()));
        let _ = self.child.wait().await;
    }
}
