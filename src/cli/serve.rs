//! `bedplate serve`: settings and logging for the daemon.

use std::process::ExitCode;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use tracing_subscriber::EnvFilter;

use super::args::{Global, ServeArguments};
use crate::base::name::HostName;
use crate::daemon::{ServeError, Settings, SocketError, serve as run};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

pub(super) fn serve(arguments: &ServeArguments, global: &Global) -> Result<ExitCode, Fault> {
    let unnamed = || {
        Fault::new(
            Code::NoSuchController,
            "the host's name is no controller's name",
        )
        .help("name the controller with --controller")
    };
    let controller = arguments
        .controller
        .clone()
        .or_else(host_name)
        .ok_or_else(unnamed)?;
    if arguments.with_parent {
        set_pdeathsig(Signal::SIGTERM).map_err(|errno| {
            Fault::new(Code::WorldFailed, "cannot follow the parent's end").because(&errno)
        })?;
    }
    log(global);
    let settings = Settings {
        controller,
        state: arguments.state.clone(),
        socket: global.socket.clone(),
        enforce: arguments.enforce,
        poll_bmcs: arguments.poll_bmcs.0,
    };
    run(&settings).map_err(fault)?;
    Ok(ExitCode::SUCCESS)
}

fn fault(error: ServeError) -> Fault {
    let code = match error {
        ServeError::Applied(fault) => return fault,
        ServeError::Store(_) | ServeError::Blobs(_) => Code::StoreFailed,
        ServeError::State { .. }
        | ServeError::StateInUse { .. }
        | ServeError::Socket(_)
        | ServeError::Privileges(_)
        | ServeError::Memory(_)
        | ServeError::Runtime(_)
        | ServeError::Changes(_)
        | ServeError::World(_)
        | ServeError::Api(_) => Code::WorldFailed,
    };
    let help = help(&error);
    let fault = Fault::new(code, "the daemon cannot run").because(&error);
    match help {
        Some(help) => fault.help(help),
        None => fault,
    }
}

/// What to do, where that is certain.
fn help(error: &ServeError) -> Option<&'static str> {
    Some(match error {
        ServeError::State { .. } => {
            "name a folder that this user may write to with --state; the default is root's"
        }
        ServeError::StateInUse { .. } | ServeError::Socket(SocketError::InUse { .. }) => {
            "that daemon goes on: ask it with `bedplate status`, or end it first"
        }
        ServeError::Socket(SocketError::NoSocket { .. }) => {
            "it is left as it is: name another path with --socket, or move the file away"
        }
        ServeError::Socket(SocketError::Bind { .. }) => {
            "name a path in a folder that this user may write to with --socket"
        }
        ServeError::Privileges(_) | ServeError::World(_) | ServeError::Changes(_) => {
            "start it as root: it gives up what it does not need by itself"
        }
        ServeError::Runtime(_)
        | ServeError::Memory(_)
        | ServeError::Store(_)
        | ServeError::Blobs(_)
        | ServeError::Applied(_)
        | ServeError::Api(_) => return None,
    })
}

/// The host's own name, without its domain.
pub(super) fn host_name() -> Option<HostName> {
    let name = nix::unistd::gethostname().ok()?.into_string().ok()?;
    name.split('.').next()?.parse().ok()
}

/// Logs to standard error; RUST_LOG chooses what.
fn log(global: &Global) {
    let default = if global.verbose {
        "bedplate=debug"
    } else {
        "bedplate=info"
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false);
    if global.json {
        log.json().init()
    } else {
        log.init()
    }
}
