//! A virtual machine of QEMU, through its monitor's socket (QMP). Off is stopped and reset: the machine waits as one that never ran, and
//! its process stays, since nobody here could start it again.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;

use crate::base::bmc::{PowerAction, PowerState};

/// Longest line that the monitor may say.
const LINE: u64 = 64 * 1024;

/// How long the monitor may take for one answer.
pub const WITHIN: Duration = Duration::from_secs(10);

/// What is shown of why it refuses.
const WORDS: usize = 200;

/// Where the monitor listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub socket: PathBuf,
    pub within: Duration,
}

/// Why a machine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(
        "no QEMU listens there: {0}; Bedplate switches a machine whose process runs, and starts none"
    )]
    Absent(#[source] io::Error),
    #[error("its monitor gave no answer within {}s; it speaks with one at a time", .0.as_secs())]
    Silent(Duration),
    #[error("the connection with its monitor failed: {0}")]
    Lost(#[source] io::Error),
    #[error("its process ended")]
    Ended,
    #[error("what its monitor says is not QMP: {0}")]
    Malformed(&'static str),
    #[error("its monitor refuses `{0}`: {1}")]
    Refused(&'static str, String),
}

/// A conversation with a monitor.
pub struct Session {
    said: BufReader<OwnedReadHalf>,
    ask: OwnedWriteHalf,
    within: Duration,
    /// Whether the machine was switched off, and whether its process ended with that.
    is_shut: bool,
    is_gone: bool,
    /// How often it was reset.
    resets: u64,
}

/// One line of a monitor, as far as it means anything here (QEMU, docs/interop/qmp-spec).
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Greeting,
    Event(String),
    Return(Value),
    Refusal(String),
}

impl Session {
    pub(super) async fn open(target: &Target) -> Result<Self, Error> {
        let stream = UnixStream::connect(&target.socket).await;
        let (said, ask) = stream.map_err(Error::Absent)?.into_split();
        let mut session = Self {
            said: BufReader::new(said),
            ask,
            within: target.within,
            is_shut: false,
            is_gone: false,
            resets: 0,
        };
        let greeted = timeout(session.within, session.line()).await;
        match greeted.map_err(|_| Error::Silent(target.within))?? {
            Some(Line::Greeting) => {}
            Some(Line::Event(_) | Line::Return(_) | Line::Refusal(_)) => {
                return Err(Error::Malformed("it does not begin with a greeting"));
            }
            None => return Err(Error::Ended),
        }
        session.execute("qmp_capabilities").await?;
        Ok(session)
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.is_gone
    }

    /// How often it was reset since the monitor was first spoken with.
    pub(super) fn resets(&self) -> u64 {
        self.resets
    }

    pub(super) async fn state(&mut self) -> Result<PowerState, Error> {
        Ok(match self.status().await? {
            Some(status) => state(&status),
            // Its guest switched itself off, and QEMU ended with it.
            None => PowerState::Off,
        })
    }

    pub(super) async fn power(&mut self, action: PowerAction) -> Result<(), Error> {
        let Some(status) = self.status().await? else {
            return Err(Error::Ended);
        };
        match action {
            PowerAction::On => self.start(&status).await,
            PowerAction::SoftOff => self.execute("system_powerdown").await.map(drop),
            PowerAction::Off => self.stop().await,
            PowerAction::Cycle => {
                self.stop().await?;
                self.execute("cont").await.map(drop)
            }
            PowerAction::Reset => self.reset().await,
        }
    }

    /// In QEMU's words; none where its process ended with the machine.
    async fn status(&mut self) -> Result<Option<String>, Error> {
        let told = match self.execute("query-status").await {
            Ok(told) => told,
            Err(_) if self.is_gone => return Ok(None),
            Err(error) => return Err(error),
        };
        let status = told.get("status").and_then(Value::as_str);
        let status = status.ok_or(Error::Malformed("it tells of no status"))?;
        Ok(Some(status.to_owned()))
    }

    async fn start(&mut self, status: &str) -> Result<(), Error> {
        if matches!(status, "shutdown" | "internal-error" | "guest-panicked") {
            self.reset().await?;
        }
        self.execute("cont").await.map(drop)
    }

    async fn stop(&mut self) -> Result<(), Error> {
        self.execute("stop").await?;
        self.reset().await
    }

    /// Resets the machine, and waits until that is done: the monitor tells of it before its answer or after.
    async fn reset(&mut self) -> Result<(), Error> {
        let before = self.resets;
        self.execute("system_reset").await?;
        let within = self.within;
        let done = async {
            while self.resets == before {
                self.line().await?.ok_or(Error::Ended)?;
            }
            Ok(())
        };
        let done = timeout(within, done).await;
        done.unwrap_or(Err(Error::Silent(within)))
    }

    async fn execute(&mut self, command: &'static str) -> Result<Value, Error> {
        let within = self.within;
        let answer = timeout(within, self.exchange(command)).await;
        answer.unwrap_or(Err(Error::Silent(within)))
    }

    async fn exchange(&mut self, command: &'static str) -> Result<Value, Error> {
        let asked = json!({ "execute": command }).to_string() + "\n";
        let asked = self.ask.write_all(asked.as_bytes()).await;
        loop {
            match self.line().await {
                Ok(Some(Line::Return(value))) => return Ok(value),
                Ok(Some(Line::Refusal(words))) => return Err(Error::Refused(command, words)),
                Ok(Some(Line::Greeting | Line::Event(_))) => {}
                // What was said before the end is read even where nothing could be asked any more.
                ended @ (Ok(None) | Err(_)) => {
                    self.is_gone = self.is_shut && !matches!(ended, Err(Error::Malformed(_)));
                    asked.map_err(Error::Lost)?;
                    ended?;
                    return Err(Error::Ended);
                }
            }
        }
    }

    /// None where the monitor hung up.
    async fn line(&mut self) -> Result<Option<Line>, Error> {
        let mut line = Vec::new();
        let mut said = (&mut self.said).take(LINE);
        let read = said.read_until(b'\n', &mut line).await;
        if read.map_err(Error::Lost)? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(Error::Malformed("a line does not end"));
        }
        let line = read_line(&line)?;
        if let Line::Event(event) = &line {
            self.is_shut |= event == "SHUTDOWN";
            self.resets += u64::from(event == "RESET");
        }
        Ok(Some(line))
    }
}

fn read_line(line: &[u8]) -> Result<Line, Error> {
    let said: Value = serde_json::from_slice(line).map_err(|_| Error::Malformed("no JSON"))?;
    if let Some(value) = said.get("return") {
        return Ok(Line::Return(value.clone()));
    }
    if let Some(error) = said.get("error") {
        let words = error.get("desc").and_then(Value::as_str).unwrap_or("?");
        let words = words.chars().filter(|one| !one.is_control()).take(WORDS);
        return Ok(Line::Refusal(words.collect()));
    }
    match said.get("event").and_then(Value::as_str) {
        Some(event) => Ok(Line::Event(event.to_owned())),
        None if said.get("QMP").is_some() => Ok(Line::Greeting),
        None => Err(Error::Malformed("neither answer nor event")),
    }
}

/// QEMU's run states (QEMU, qapi/run-state.json).
fn state(status: &str) -> PowerState {
    match status {
        "running" => PowerState::On,
        // It waits to be started, or was switched off and kept.
        "prelaunch" | "shutdown" => PowerState::Off,
        "paused" | "suspended" | "debug" | "io-error" | "internal-error" | "watchdog"
        | "guest-panicked" => PowerState::Paused,
        _ => PowerState::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_are_read_as_they_are_meant() {
        for (line, expected) in [
            (
                r#"{"QMP": {"version": {}, "capabilities": []}}"#,
                Ok(Line::Greeting),
            ),
            (r#"{"return": {}}"#, Ok(Line::Return(json!({})))),
            (
                r#"{"event": "STOP", "timestamp": {}}"#,
                Ok(Line::Event("STOP".to_owned())),
            ),
            (
                "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\\n\"}}",
                Ok(Line::Refusal("no".to_owned())),
            ),
            (r#"{"error": 3}"#, Ok(Line::Refusal("?".to_owned()))),
            ("{}", Err("neither answer nor event")),
            ("[]", Err("neither answer nor event")),
            ("QMP", Err("no JSON")),
            ("", Err("no JSON")),
        ] {
            let read = read_line(line.as_bytes()).map_err(|error| error.to_string());
            let expected =
                expected.map_err(|what| format!("what its monitor says is not QMP: {what}"));
            assert_eq!(read, expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_survived(line in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = read_line(&line);
        }
    }
}
