//! Runs one program on one event: no shell, no environment but what is said here, no open files but its standard ones, and a time
//! limit. Must not know who else is to be told.

use std::collections::VecDeque;
use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use crate::base::duration::Seconds;
use crate::base::name::Name;
use crate::daemon::event::LeaseEvent;
use crate::state::Hook;
use crate::world::program::{self, Running, Unguarded};

/// What is kept of what it said last.
const SAID_BYTES: usize = 2048;
const SAID_LINES: usize = 5;

/// How long what it said is waited for once it has ended: others may hold its standard error open.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Why a program did not take its event.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Unguarded(#[from] Unguarded),
    #[error("{0} cannot be run: {1}")]
    Start(String, #[source] io::Error),
    #[error("it cannot be waited for: {0}")]
    Wait(#[source] io::Error),
    #[error("{0}{said}", said = .1)]
    Status(ExitStatus, Said),
    #[error("it was killed after {0}{said}", said = .1)]
    Time(Seconds, Said),
}

/// The last lines of its standard error.
#[derive(Debug, Default)]
pub(super) struct Said(Vec<String>);

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", self.0.join(" | ")),
        }
    }
}

/// Runs the program to its end, or to the end of its time. Dropped before that, it kills the program with its group.
pub(super) async fn run(name: &Name, hook: &Hook, event: &LeaseEvent) -> Result<(), Failure> {
    program::guarded(hook.program.as_str()).await?;
    let mut command = command(name, hook, event);
    let unrun = |error| Failure::Start(hook.program.as_str().to_owned(), error);
    let mut running = Running::start(&mut command).map_err(unrun)?;
    let input = running.child.stdin.take();
    let errors = running.child.stderr.take();
    let mut said = errors.map(|errors| tokio::spawn(tail(errors)));
    let ended = {
        let told = async {
            // A program that does not read has its reasons.
            let _ = tell(input, event).await;
        };
        let both = async { tokio::join!(running.ended(), told).0 };
        timeout(Duration::from_secs(hook.within.0.into()), both).await
    };
    if ended.is_err() {
        running.kill().await;
    }
    let said = match &mut said {
        Some(said) => {
            let words = timeout(LAST_WORDS, &mut *said).await;
            said.abort();
            words.ok().and_then(Result::ok).unwrap_or_default()
        }
        None => Said::default(),
    };
    match ended {
        Ok(Ok(status)) if status.success() => Ok(()),
        Ok(Ok(status)) => Err(Failure::Status(status, said)),
        Ok(Err(error)) => Err(Failure::Wait(error)),
        Err(_) => Err(Failure::Time(hook.within, said)),
    }
}

fn command(name: &Name, hook: &Hook, event: &LeaseEvent) -> Command {
    let mut command = program::command(hook.program.as_str(), &hook.arguments);
    command
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .env("BEDPLATE_HOOK", name.to_string())
        .env("BEDPLATE_EVENT", event.word());
    if let Some(row) = event.row() {
        command.env("BEDPLATE_HARDWARE", &row.hardware);
        let known = [
            ("BEDPLATE_ADDRESS", row.address.map(|one| one.to_string())),
            ("BEDPLATE_NAME", row.name.as_ref().map(ToString::to_string)),
            ("BEDPLATE_VLAN", row.vlan.as_ref().map(ToString::to_string)),
        ];
        let known = known.into_iter();
        command.envs(known.filter_map(|(name, value)| Some((name, value?))));
    }
    command
}

/// Writes the event, and closes.
async fn tell(input: Option<ChildStdin>, event: &LeaseEvent) -> io::Result<()> {
    let Some(mut input) = input else {
        return Ok(());
    };
    let mut line = serde_json::to_vec(event)?;
    line.push(b'\n');
    input.write_all(&line).await?;
    input.shutdown().await
}

/// The end of what is said, in lines that a log can hold.
async fn tail(mut errors: impl AsyncRead + Unpin) -> Said {
    let (mut kept, mut buffer) = (VecDeque::with_capacity(SAID_BYTES), [0; 1024]);
    while let Ok(length @ 1..) = errors.read(&mut buffer).await {
        kept.extend(buffer.iter().take(length).copied());
        let excess = kept.len().saturating_sub(SAID_BYTES);
        kept.drain(..excess);
    }
    let bytes: Vec<u8> = kept.into();
    let text = String::from_utf8_lossy(&bytes);
    let plain = |line: &str| {
        line.replace(|one: char| one.is_control(), " ")
            .trim()
            .to_owned()
    };
    let lines = text.lines().map(plain).filter(|line| !line.is_empty());
    let mut lines: Vec<String> = lines.collect();
    Said(lines.split_off(lines.len().saturating_sub(SAID_LINES)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::hook::HookEvent;
    use crate::base::mark::{EventMark, RunId};
    use crate::base::moment::Moment;
    use crate::daemon::event::EventRow;
    use crate::world::program::PATH;

    fn commit() -> LeaseEvent {
        LeaseEvent::Commit(EventRow {
            mark: EventMark {
                run: RunId(5),
                number: 7,
            },
            at: Moment(1_000_000),
            hardware: "02:00:00:00:00:01".to_owned(),
            address: Some([10, 0, 0, 9].into()),
            name: Some("a.example".parse().unwrap()),
            vlan: None,
            expires: Some(1_000_600),
            host: None,
            is_by_hand: false,
            is_quarantine: false,
            how: None,
            by: None,
            freed: None,
            others: None,
        })
    }

    /// What comes of a script of the shell, which is the program here.
    async fn ran(script: &str, within: u32) -> String {
        let hook = Hook {
            events: [HookEvent::Commit].into(),
            program: "/bin/sh".parse().unwrap(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            within: Seconds(within),
        };
        match run(&"a".parse().unwrap(), &hook, &commit()).await {
            Ok(()) => "taken".to_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    #[tokio::test]
    async fn programs_end_as_they_do() {
        for (script, expected) in [
            ("cat > /dev/null", "taken"),
            ("true", "taken"),
            ("exit 3", "exit status: 3"),
            ("kill -9 $$", "signal: 9 (SIGKILL)"),
            ("echo no; echo why >&2; exit 1", "exit status: 1: why"),
            ("echo fine >&2", "taken"),
            (
                "for n in 1 2 3 4 5 6 7; do printf \"$n\\a\\n\\n\" >&2; done; exit 1",
                "exit status: 1: 3 | 4 | 5 | 6 | 7",
            ),
            ("echo late >&2; sleep 600", "it was killed after 3s: late"),
            ("sleep 600 & wait", "it was killed after 3s"),
        ] {
            // One that ends by itself does so in its own time on a busy machine.
            let within = if script.contains("sleep") { 3 } else { 60 };
            assert_eq!(ran(script, within).await, expected, "{script}");
        }
        let long = ran("head -c 3000 /dev/zero | tr '\\0' x >&2; exit 1", 60).await;
        assert_eq!(long.len(), "exit status: 1: ".len() + SAID_BYTES);
    }

    /// Nothing of the daemon's own but what is said here.
    #[tokio::test]
    async fn a_program_sees_its_event_and_little_else() {
        let said = ran("cat >&2; exit 1", 60).await;
        let json = said.strip_prefix("exit status: 1: ").unwrap();
        assert_eq!(serde_json::from_str::<LeaseEvent>(json).unwrap(), commit());
        let said = ran("env | grep -v -e ^PWD= -e ^_= | sort >&2; exit 1", 60).await;
        let expected = format!(
            "exit status: 1: BEDPLATE_EVENT=commit | BEDPLATE_HARDWARE=02:00:00:00:00:01 | BEDPLATE_HOOK=a | BEDPLATE_NAME=a.example | PATH={PATH}"
        );
        assert_eq!(said, expected, "the last five of them");
        // What is open here is not open there.
        let kept = tempfile::NamedTempFile::new().unwrap();
        let path = kept.path().to_str().unwrap();
        let script = format!("ls -l /proc/self/fd | grep -c {path} >&2; exit 1");
        assert_eq!(ran(&script, 60).await, "exit status: 1: 0");
    }

    #[tokio::test]
    async fn one_that_is_none_is_told_of_with_its_path() {
        for (program, expected) in [
            ("/nowhere/at/all", "there is no /nowhere/at/all: "),
            ("/etc", "/etc cannot be run: Permission denied"),
            (
                "/etc/passwd",
                "/etc/passwd cannot be run: Permission denied",
            ),
        ] {
            let hook = Hook {
                events: [HookEvent::Commit].into(),
                program: program.parse().unwrap(),
                arguments: Vec::new(),
                within: Seconds(1),
            };
            let failure = run(&"a".parse().unwrap(), &hook, &commit()).await;
            let words = failure.unwrap_err().to_string();
            assert!(words.starts_with(expected), "{words}");
        }
    }
}
