//! The faults of consoles.

use super::claim::Away;
use crate::base::bmc::{SerialAccess, SerialProtocol};
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::daemon::bmc::fault;
use crate::daemon::who::Who;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::world::bmc::BmcError;
use crate::world::bmc::ipmi::{self, IpmiError};

/// Somebody else has it by this daemon.
pub(super) fn held(machine: &HostName, who: &Who, since: Moment) -> Fault {
    let message = format!("{who} has the console of {machine} since {since}");
    Fault::new(Code::ConsoleInUse, message).help(take(machine))
}

/// It is taken away from who has it.
pub(super) fn away(machine: &HostName, away: &Away) -> Fault {
    match away {
        Away::Taken(by) => {
            let message = format!("{by} took the console of {machine}");
            Fault::new(Code::ConsoleInUse, message).help("ask them before you take it back")
        }
        Away::Ending => Fault::new(
            Code::DaemonAbsent,
            "the daemon ends, and the console with it",
        )
        .help("`bedplate status` shows whether it is back"),
    }
}

/// The site that is in force by now has the machine's BMC elsewhere, or by other means.
pub(super) fn changed(machine: &HostName) -> Fault {
    let message = format!("the site in force says something else of the BMC of {machine} now");
    Fault::new(Code::ConsoleElsewhere, message).help(format!(
        "`bedplate console {machine}` opens the console by what is in force"
    ))
}

pub(super) fn too_many(most: usize) -> Fault {
    let message = format!("{most} consoles are open, and the daemon keeps no more");
    Fault::new(Code::ConsoleInUse, message).help("leave one that nobody looks at")
}

/// What the BMC says to who wants its console, or has it.
pub(super) fn bmc(machine: &HostName, at: &Bmc, error: &BmcError) -> Fault {
    let coded =
        |code, message: String, help: String| Fault::new(code, message).because(error).help(help);
    match error {
        BmcError::Ipmi(IpmiError::ConsoleInUse) => coded(
            Code::ConsoleInUse,
            format!("somebody else has the console of {machine}, and not by this daemon"),
            take(machine),
        ),
        BmcError::Ipmi(IpmiError::ConsoleTaken) => coded(
            Code::ConsoleInUse,
            format!("the console of {machine} was taken away"),
            "whoever took it did so past this daemon".to_owned(),
        ),
        BmcError::Ipmi(IpmiError::Unsupported(_)) => coded(
            Code::ConsoleElsewhere,
            format!("the BMC of {machine} gives no console"),
            "switch Serial over LAN on in the BMC, with encryption, and the serial port in the machine's firmware".to_owned(),
        ),
        BmcError::Ipmi(_) | BmcError::Redfish(_) | BmcError::Switch(_) => {
            fault::bmc(machine, at, error)
        }
    }
}

/// The BMC has ways of its own to a console.
pub(super) fn elsewhere(machine: &HostName, at: &Bmc, ways: &[SerialAccess]) -> Fault {
    let message = match ways {
        [] => format!("the BMC of {machine} speaks Redfish, and tells of no serial console"),
        _ => format!("the BMC of {machine} has its console elsewhere: Redfish carries none"),
    };
    let mut fault = Fault::new(Code::ConsoleElsewhere, message);
    fault.causes = ways.iter().map(way).collect();
    let usable = ways.iter().filter(|way| way.is_enabled);
    let usable = usable.min_by_key(|way| rank(way));
    fault.help(match usable {
        Some(way) => command(machine, way, &at.place(), at.username().unwrap_or_default()),
        None if ways.is_empty() => "look for one in the BMC's own pages".to_owned(),
        None => "switch one of them on in the BMC".to_owned(),
    })
}

/// What the daemon does comes before what a person does, and what is hidden on the way before what is not.
fn rank(way: &SerialAccess) -> (bool, SerialProtocol) {
    (way.protocol != SerialProtocol::Ipmi, way.protocol)
}

fn way(way: &SerialAccess) -> String {
    let port = way
        .port
        .map_or_else(String::new, |port| format!(" at port {port}"));
    let state = if way.is_enabled { "on" } else { "off" };
    format!(
        "the BMC offers it by {}{port}, which is {state}",
        name(way.protocol)
    )
}

/// What a person does to come there. What a BMC says to type is shown as it says it.
fn command(machine: &HostName, way: &SerialAccess, at: &str, username: &str) -> String {
    let port = way.port;
    let reach = match way.protocol {
        SerialProtocol::Ssh => {
            let port = port.filter(|port| *port != 22);
            let port = port.map_or_else(String::new, |port| format!("-p {port} "));
            format!("`ssh {port}{username}@{at}`")
        }
        SerialProtocol::Telnet => {
            format!("`telnet {at} {}`, which hides nothing", port.unwrap_or(23))
        }
        SerialProtocol::Ipmi if port.is_none_or(|port| port == ipmi::PORT) => {
            return format!(
                "`bedplate console {machine} --ipmi` has it here, with the same user and password"
            );
        }
        SerialProtocol::Ipmi => {
            return "declare the machine's `bmc` as \"ipmi\" with that port to have it here"
                .to_owned();
        }
    };
    match way.command.as_deref() {
        Some(typed) => format!("{reach}, and type there: {}", typed.escape_debug()),
        None => reach,
    }
}

fn name(protocol: SerialProtocol) -> &'static str {
    match protocol {
        SerialProtocol::Ssh => "SSH",
        SerialProtocol::Telnet => "Telnet",
        SerialProtocol::Ipmi => "IPMI",
    }
}

fn take(machine: &HostName) -> String {
    format!("`bedplate console {machine} --take` takes it away from them")
}

/// A recording that is not there.
pub(super) fn no_recording(machine: &HostName, number: Option<u64>) -> Fault {
    let message = match number {
        Some(number) => format!("there is no recording {number} of the console of {machine}"),
        None => format!("there is no recording of the console of {machine}"),
    };
    Fault::new(Code::NoSuchRecording, message).help(format!(
        "`bedplate console {machine} --recordings` lists those that are kept; `--record` makes one"
    ))
}

/// Recordings that cannot be written or read.
pub(super) fn recording(error: &std::io::Error) -> Fault {
    Fault::new(
        Code::StoreFailed,
        "the recordings of consoles cannot be used",
    )
    .because(error)
    .help("see that the state folder's disk has space and is writable, or leave `--record` out")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_to_a_console_elsewhere_is_told() {
        let way = |protocol, port, is_enabled, command: Option<&str>| SerialAccess {
            protocol,
            port,
            is_enabled,
            command: command.map(str::to_owned),
        };
        let at = "192.0.2.1";
        for (way, expected) in [
            (
                way(SerialProtocol::Ssh, Some(22), true, None),
                "`ssh admin@192.0.2.1`",
            ),
            (
                way(
                    SerialProtocol::Ssh,
                    Some(2200),
                    true,
                    Some("console \u{1b}1"),
                ),
                "`ssh -p 2200 admin@192.0.2.1`, and type there: console \\u{1b}1",
            ),
            (
                way(SerialProtocol::Telnet, None, true, None),
                "`telnet 192.0.2.1 23`, which hides nothing",
            ),
            (
                way(SerialProtocol::Ipmi, Some(623), true, None),
                "`bedplate console node-02 --ipmi` has it here, with the same user and password",
            ),
            (
                way(SerialProtocol::Ipmi, Some(6623), true, None),
                "declare the machine's `bmc` as \"ipmi\" with that port to have it here",
            ),
        ] {
            let machine = "node-02".parse().unwrap();
            assert_eq!(command(&machine, &way, at, "admin"), expected);
        }
    }
}
