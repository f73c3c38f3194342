//! `bedplate console`: a machine's serial console, and what was recorded of it.

mod keys;
mod live;
mod plain;
mod recording;
mod terminal;

use std::process::ExitCode;

use super::args::console::ConsoleArguments;
use super::client::Client;
use super::output::Output;
use crate::diag::fault::Fault;

pub(super) async fn console(
    arguments: &ConsoleArguments,
    client: &Client,
    out: &Output,
) -> Result<ExitCode, Fault> {
    let machine = &arguments.machine;
    if arguments.recordings {
        return recording::list(machine, client, out).await;
    }
    if let Some(number) = arguments.log {
        return recording::log((machine, number), client, out).await;
    }
    if let Some(number) = arguments.replay {
        return recording::replay((machine, number), client, out).await;
    }
    live::sit(arguments, client, out).await
}
