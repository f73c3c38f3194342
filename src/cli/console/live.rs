//! A person, or a program, at a console: what is typed goes to the daemon, what the machine shows comes from it.

use std::io::{self, ErrorKind};
use std::process::ExitCode;
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, split};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::keys::{Keys, Wish};
use super::terminal::{Raw, shown, typed};
use crate::cli::args::console::{ConsoleArguments, EscapeKey};
use crate::cli::client::Client;
use crate::cli::output::Output;
use crate::daemon::{CONSOLE_PROTOCOL, ConsoleFrame, ConsoleOpened, RECORDING_DAYS};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// How long the daemon may take to give the console back, and a terminal to show what came last.
const LAST: Duration = Duration::from_secs(5);

/// How it came to an end.
enum End {
    /// By the person, a signal, or because nobody reads what is shown.
    Left,
    /// By the daemon, the BMC, or somebody else.
    Fault(Fault),
}

pub(super) async fn sit(
    arguments: &ConsoleArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let ConsoleArguments {
        machine,
        take,
        ipmi,
        record,
        escape,
        ..
    } = arguments;
    let path = format!("bmc/{machine}/console?take={take}&ipmi={ipmi}&record={record}");
    let mut stream = client.upgraded(&path, CONSOLE_PROTOCOL).await?;
    let Ok(Some(ConsoleFrame::Opened(opened))) = ConsoleFrame::read(&mut stream).await else {
        return Err(lost());
    };
    // From here on nothing ends the process but what lets the terminal be restored.
    let signals = Signals::new().map_err(|error| terminal(&error))?;
    let raw = match out.json {
        true => None,
        false => Raw::begin().map_err(|error| terminal(&error))?,
    };
    let keys = Keys::new(escape.0.filter(|_| raw.is_some()));
    let mut seat = Seat {
        keys,
        escape: *escape,
        is_raw: raw.is_some(),
        out,
    };
    seat.greet(&opened);
    let end = seat.talk(stream, signals).await;
    drop(raw);
    match end {
        End::Fault(fault) => Err(fault),
        End::Left => {
            if seat.is_raw {
                out.progress("\nThe console is left.");
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn lost() -> Fault {
    Fault::new(
        Code::DaemonAbsent,
        "the daemon ended the console without a word",
    )
    .help("see the daemon's log; `bedplate status` shows whether it is back")
}

fn terminal(error: &io::Error) -> Fault {
    Fault::new(Code::Internal, "the terminal cannot be used").because(error)
}

/// What would end the process.
struct Signals([Signal; 4]);

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self([
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
            signal(SignalKind::quit())?,
        ]))
    }

    async fn any(&mut self) {
        let [interrupt, terminate, hangup, quit] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = quit.recv() => {}
        }
    }
}

/// Where a person sits.
struct Seat<'a> {
    keys: Keys,
    escape: EscapeKey,
    is_raw: bool,
    out: &'a Output,
}

impl Seat<'_> {
    fn greet(&self, opened: &ConsoleOpened) {
        if self.out.json {
            self.out.line(&json!({ "opened": opened }));
            return;
        }
        let ConsoleOpened { machine, bmc, .. } = opened;
        self.say(&format!("Console of {machine}, by its BMC at {bmc}."));
        if let Some(number) = opened.recording {
            self.say(&format!(
                "What it shows is kept as recording {number} for {RECORDING_DAYS} days."
            ));
        }
        if self.is_raw {
            self.help();
        }
    }

    fn help(&self) {
        let Self { escape, .. } = self;
        match escape.0 {
            Some(_) => self.say(&format!(
                "{escape} and then: . leaves, b sends a break, ? shows this, {escape} sends itself."
            )),
            None => self.say("There is no escape key: end this from another terminal."),
        }
    }

    /// A line on standard error, also where the terminal no longer returns by itself.
    fn say(&self, text: &str) {
        let end = if self.is_raw { "\r" } else { "" };
        self.out.progress(&format!("{text}{end}"));
    }

    async fn talk(&mut self, stream: TokioIo<Upgraded>, mut signals: Signals) -> End {
        let (mut from, mut to) = split(stream);
        let (show, mut ended) = shown();
        let mut written = None;
        let end = tokio::select! {
            end = showing(&mut from, &show, self.out) => end,
            end = self.typing(&mut to) => end,
            () = signals.any() => End::Left,
            result = &mut ended => {
                written = Some(result);
                End::Left
            }
        };
        drop(show);
        // What was typed is sent, the console given back, and what was shown seen, unless that takes too long.
        let _slow = timeout(LAST, give_back(&mut from, &mut to)).await;
        let written = match written {
            Some(written) => written,
            None => timeout(LAST, ended).await.unwrap_or(Ok(Ok(()))),
        };
        match (end, written) {
            // Whoever closed our output wants no more of it.
            (End::Left, Ok(Err(error))) if error.kind() != ErrorKind::BrokenPipe => {
                let fault =
                    Fault::new(Code::FileUnwritable, "standard output is not written whole");
                End::Fault(fault.because(&error))
            }
            (end, _) => end,
        }
    }

    /// Types what comes, until the person wants to leave. An end of what comes is none.
    async fn typing(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> End {
        let mut typed = typed();
        while let Some(keys) = typed.recv().await {
            for wish in self.keys.read(&keys) {
                let frame = match wish {
                    Wish::Type(text) => ConsoleFrame::Text(text),
                    Wish::Break => ConsoleFrame::Break,
                    Wish::Leave => return End::Left,
                    Wish::Help => {
                        self.say("\r");
                        self.help();
                        continue;
                    }
                };
                if frame.write(to).await.is_err() {
                    // Why the other side is gone is told where it speaks.
                    return std::future::pending().await;
                }
            }
        }
        std::future::pending().await
    }
}

/// Shows what comes, until the daemon says that it is over.
async fn showing(
    from: &mut (impl AsyncRead + Unpin),
    show: &mpsc::Sender<Vec<u8>>,
    out: &Output,
) -> End {
    loop {
        match ConsoleFrame::read(from).await {
            Ok(Some(ConsoleFrame::Text(text))) if out.json => {
                out.line(&json!({ "text": String::from_utf8_lossy(&text) }));
                if out.is_closed() {
                    return End::Left;
                }
            }
            Ok(Some(ConsoleFrame::Text(text))) => {
                if show.send(text).await.is_err() {
                    return End::Left;
                }
            }
            Ok(Some(ConsoleFrame::Notice(notice))) => out.progress(&format!("\r\n{notice}\r")),
            Ok(Some(ConsoleFrame::Ended(fault))) => return End::Fault(fault),
            Ok(Some(ConsoleFrame::Opened(_) | ConsoleFrame::Break)) => {}
            Ok(None) | Err(_) => return End::Fault(lost()),
        }
    }
}

/// Says that nobody types any more, and waits until the daemon has given the console back.
async fn give_back(from: &mut (impl AsyncRead + Unpin), to: &mut (impl AsyncWrite + Unpin)) {
    if to.shutdown().await.is_ok() {
        while let Ok(Some(_)) = ConsoleFrame::read(from).await {}
    }
}
