//! What Ctrl-C ends, and what it leaves: who waits for the daemon is told what goes on there. Stops nothing in the daemon.

use std::process::ExitCode;

use super::args::Command;
use super::output::Output;
use crate::diag::fault::Fault;

/// As shells tell of a process that Ctrl-C ended.
pub(super) const INTERRUPTED: u8 = 130;

/// Works until the end, or until Ctrl-C.
pub(super) async fn until_interrupted(
    command: &Command,
    out: &Output,
    work: impl Future<Output = Result<ExitCode, Fault>>,
) -> Result<ExitCode, Fault> {
    tokio::select! {
        biased;
        // It may have a word of its own for that.
        done = work => done,
        _ = tokio::signal::ctrl_c() => {
            if let Some(words) = left(command) {
                out.progress(words);
            }
            Ok(ExitCode::from(INTERRUPTED))
        }
    }
}

/// What goes on in the daemon, and what does not; none where whoever watches only watches no more.
fn left(command: &Command) -> Option<&'static str> {
    match command {
        Command::Plan(_) => Some(
            "Nothing is changed; the daemon may make this plan to its end, and show it to nobody.",
        ),
        Command::Apply(_) => Some(
            "Nothing is applied by this command; the daemon may make its plan to the end, and show it to nobody.",
        ),
        Command::Rollback(_)
        | Command::Confirm { .. }
        | Command::Hold { .. }
        | Command::Unlock { .. } => Some(
            "The daemon does what it was told all the same, once it has time: see `bedplate status` and `bedplate history`.",
        ),
        Command::Power(_) | Command::Bmc { .. } | Command::Sel(_) | Command::Sensors { .. } => {
            Some("What the daemon was told it does all the same; it shows it to nobody.")
        }
        Command::Adopt(_) | Command::Status | Command::History | Command::Why { .. } => {
            Some("Nothing is changed.")
        }
        Command::Leases(_) | Command::Ip(_) => {
            Some("What the daemon was told it does all the same; it shows it to nobody.")
        }
        Command::Events { .. } | Command::Bindings { .. } | Command::Console(_) => None,
        // These wait for no daemon.
        Command::Check { .. }
        | Command::Lock { .. }
        | Command::Fmt { .. }
        | Command::Explain { .. }
        | Command::Show(_)
        | Command::Diff(_)
        | Command::Graph(_)
        | Command::Serve(_)
        | Command::Demo(_)
        | Command::Completions { .. } => None,
    }
}
