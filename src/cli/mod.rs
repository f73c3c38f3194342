//! The command line: arguments, progress, colours, exit codes. One file a command; no rules of the business.

mod adopt;
mod apply;
mod args;
mod bindings;
mod bmc;
mod by_hand;
mod check;
mod client;
mod compile;
mod confirm;
mod console;
mod demo;
mod diff;
mod discover;
mod events;
mod explain;
pub mod files;
mod fmt;
mod git;
mod graph;
mod history;
mod hold;
mod interrupt;
mod ip;
mod leases;
mod lock;
mod misuse;
mod output;
mod plan;
mod power;
mod readings;
mod serve;
mod session;
mod show;
mod status;
mod table;
mod thing;
mod told;
mod why;
mod wish;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use args::{Arguments, Command};
use client::Client;
use output::Output;

use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return misuse::misused(&error),
    };
    let out = Output::new(&arguments.global);
    let code = dispatch(&arguments, &out).unwrap_or_else(|fault| out.fault(&fault));
    out.finish(code)
}

fn dispatch(arguments: &Arguments, out: &Output) -> Result<ExitCode, Fault> {
    let client = Client::new(&arguments.global.socket, arguments.global.json);
    let command = &arguments.command;
    match command {
        Command::Check { site, sarif } => check::check(site, *sarif, out),
        Command::Lock { site, check } => lock::lock(site, *check, out),
        Command::Fmt { site, check } => fmt::fmt(site, *check, out),
        Command::Explain { code } => explain::explain(code.as_deref(), out),
        Command::Show(arguments) => show::show(arguments, out),
        Command::Diff(arguments) => diff::diff(arguments, out),
        Command::Graph(arguments) => graph::graph(arguments, out),
        Command::Plan(plan) => asked(command, out, plan::plan(plan, &client, out)),
        Command::Apply(apply) => asked(command, out, apply::apply(apply, &client, out)),
        Command::Adopt(adopt) => asked(command, out, adopt::adopt(adopt, &client, out)),
        Command::Confirm { plan } => {
            asked(command, out, confirm::confirm(plan.clone(), &client, out))
        }
        Command::Rollback(rollback) => {
            asked(command, out, confirm::rollback(rollback, &client, out))
        }
        Command::History => asked(command, out, history::history(&client, out)),
        Command::Hold { reason } => asked(command, out, hold::hold(reason, &client, out)),
        Command::Unlock { yes } => asked(command, out, hold::unlock(*yes, &client, out)),
        Command::Serve(serve) => serve::serve(serve, &arguments.global),
        Command::Status => asked(command, out, status::status(&client, out)),
        Command::Leases(arguments) => asked(command, out, leases::leases(arguments, &client, out)),
        Command::Ip(arguments) => asked(command, out, ip::ip(arguments, &client, out)),
        Command::Power(arguments) => asked(command, out, power::power(arguments, &client, out)),
        Command::Console(arguments) => block_on(console::console(arguments, &client, out)),
        Command::Sensors { who } => asked(command, out, bmc::sensors(who, &client, out)),
        Command::Sel(arguments) => asked(command, out, bmc::log(arguments, &client, out)),
        Command::Bmc { deed } => asked(command, out, bmc::bmc(deed, &client, out)),
        Command::Events { follow, after } => asked(
            command,
            out,
            events::events((*follow, *after), &client, out),
        ),
        Command::Bindings { follow } => {
            asked(command, out, bindings::bindings(*follow, &client, out))
        }
        Command::Why { what } => asked(command, out, why::why(what.clone(), &client, out)),
        Command::Demo(demo) => demo::demo(demo, out),
        Command::Completions { shell } => {
            // Into memory first: the generator panics where its reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Arguments::command(), "bedplate", &mut script);
            out.text(&String::from_utf8_lossy(&script));
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Asks the daemon, until it has answered or nobody waits any more.
fn asked(
    command: &Command,
    out: &Output,
    work: impl Future<Output = Result<ExitCode, Fault>>,
) -> Result<ExitCode, Fault> {
    block_on(interrupt::until_interrupted(command, out, work))
}

fn block_on<T>(future: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .map_err(|error| Fault::new(Code::Internal, "cannot start the runtime").because(&error))?
        .block_on(future)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_site_is_named() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let fault = compile::local(&folder).err().unwrap();
        let expected = format!("the folder {} has no site.kdl", folder.display());
        assert_eq!(fault.message, expected);
    }
}
