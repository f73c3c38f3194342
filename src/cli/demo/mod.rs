//! `bedplate demo`: the whole thing in a sandbox. Real daemon, real packets; simulated machines. Touches nothing of the host.
//!
//! ```text
//! sandbox   leaves the host's network for good, before anything else
//! scratch   a folder for the example site, the daemon's state and socket
//! stage     the controller's namespace: ports, and cables to the machines
//! machine   one thread, one namespace, one firmware; `client` is what the firmware speaks
//! daemon    `bedplate serve`, a child process
//! capture   what passes the ports, as a pcap file
//! story     the acts, in order: orders and `news` go between it and the machines, it keeps the site's `promise`s, and `tell`s
//! ```

mod cable;
mod capture;
mod client;
mod daemon;
mod example;
mod machine;
mod news;
mod promise;
mod sandbox;
mod scene;
mod scratch;
mod stage;
mod story;
mod tell;

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::args::DemoArguments;
use super::output::Output;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use daemon::Daemon;
use sandbox::Entered;
use scene::Scene;
use scratch::Scratch;
use stage::Stage;
use story::Story;
use tell::Narrator;

/// What shells give for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Must be called before any thread: the sandbox is the process's own namespaces.
pub(super) fn demo(arguments: &DemoArguments, out: &Output) -> Result<ExitCode, Fault> {
    let begun = Instant::now();
    let entered = sandbox::enter().map_err(|error| {
        fault("there can be no sandbox on this host")(error).help(sandbox::remedy())
    })?;
    let narrator = Narrator::new(out, begun);
    super::block_on(run(arguments, entered, &narrator))
}

async fn run(
    arguments: &DemoArguments,
    entered: Entered,
    narrator: &Narrator<'_>,
) -> Result<ExitCode, Fault> {
    let mut interrupts = Interrupts::watch()?;
    let scratch = Scratch::make().map_err(fault("the demo has no folder to work in"))?;
    let setting = story::setting(&scratch)?;
    let mut stage = Stage::build(&setting.ports, &setting.cast).await?;
    let capture = match &arguments.capture {
        Some(path) => Some(stage.record(path).await?),
        None => None,
    };
    let controller = &setting.controller;
    let daemon = Daemon::start(controller, &scratch, narrator.is_verbose());
    let daemon = tokio::select! {
        daemon = daemon => daemon.map_err(fault("the daemon did not start"))?,
        () = interrupts.next() => return Ok(interrupted(narrator)),
    };
    let mut story = Story::new(narrator, &scratch, &setting, &mut stage);
    let played = tokio::select! {
        played = story.play(entered) => played,
        () = interrupts.next() => Ok(interrupted(narrator)),
    };
    let stopped = daemon.stop().await;
    let captured = capture.map(capture::Capture::finish).transpose();
    // What went wrong first says the most.
    let code = played?;
    stopped.map_err(fault("the daemon did not end in order"))?;
    let frames = captured.map_err(fault("the capture is not complete"))?;
    if let (Some(path), Some(frames)) = (&arguments.capture, frames) {
        narrator.say(&Scene::Captured { path, frames });
    }
    if code == ExitCode::SUCCESS {
        narrator.say(&Scene::End);
    }
    Ok(code)
}

fn interrupted(narrator: &Narrator<'_>) -> ExitCode {
    narrator.say(&Scene::Interrupted);
    ExitCode::from(INTERRUPTED)
}

/// Ctrl-C, and the polite way to end a process.
struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    fn watch() -> Result<Self, Fault> {
        let listen = |kind| signal(kind).map_err(fault("cannot listen for signals"));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// A fault of the sandbox with what led to it.
fn fault<E: Error + 'static>(message: impl Into<String>) -> impl FnOnce(E) -> Fault {
    let message = message.into();
    move |error| Fault::new(Code::WorldFailed, message).because(&error)
}
