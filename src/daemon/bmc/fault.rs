//! The faults of BMCs: each says whose, what happened and what to do next.

use std::collections::BTreeSet;
use std::fmt;

use super::super::in_force::Says;
use super::SkippedMachines;
use super::failing::failing;
use crate::base::addr::Prefix;
use crate::base::bmc::PowerAction;
use crate::base::duration::Seconds;
use crate::base::name::{HostName, Name};
use crate::base::origin::Origin;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::diag::suggest::{did_you_mean, listed};
use crate::site::model::{Bmc, BmcProtocol};
use crate::state::{Silence, Unreached};
use crate::world::RefusedBefore;
use crate::world::bmc::{BmcError, TargetError, Trouble};

pub(super) fn bmc(host: &HostName, bmc: &Bmc, error: &BmcError) -> Fault {
    let at = bmc.place();
    let (code, message, help) = match error.trouble() {
        Trouble::Unreachable => (
            Code::BmcUnreachable,
            format!("the BMC of {host} at {at} does not answer"),
            silent(bmc).to_owned(),
        ),
        Trouble::Closed => (
            Code::BmcClosed,
            format!("the BMC of {host} at {at} has its port closed: nothing listens"),
            "see that its service for this is on, and that the site names the right port; one that has just been started may need a minute"
                .to_owned(),
        ),
        Trouble::NoRoute => (
            Code::BmcNoRoute,
            format!("no route of this controller leads to the BMC of {host} at {at}"),
            "give this controller an address in its subnet, or a route there, and apply".to_owned(),
        ),
        Trouble::Credentials => (
            Code::BmcRefusesUs,
            format!(
                "the BMC of {host} at {at} does not let {} in",
                bmc.username().unwrap_or("us")
            ),
            refused_at(format_args!("machine/{host}/bmc")),
        ),
        Trouble::Untrusted => (
            Code::BmcUntrusted,
            format!("the BMC of {host} at {at} is not known to be who it should be"),
            untrusted(host, bmc),
        ),
        Trouble::Failed => {
            let at = match bmc.protocol {
                BmcProtocol::Manual(_) => String::new(),
                BmcProtocol::Redfish { .. }
                | BmcProtocol::Ipmi { .. }
                | BmcProtocol::Webhook(_)
                | BmcProtocol::WakeOnLan { .. }
                | BmcProtocol::Qemu { .. } => format!(" at {at}"),
            };
            let how = failing(error);
            (
                Code::BmcFailed,
                format!("the BMC of {host}{at} {}", how.verdict()),
                how.help(host, bmc),
            )
        }
    };
    Fault::new(code, message).because(error).help(help)
}

/// Of one that told a plan or an apply nothing; none where that says nothing of it.
pub(super) fn unreached(host: &HostName, bmc: &Bmc, unreached: &Unreached) -> Option<Fault> {
    let code = match unreached.why {
        Silence::Unreachable | Silence::NoNetwork => Code::BmcUnreachable,
        Silence::Closed => Code::BmcClosed,
        Silence::NoRoute => Code::BmcNoRoute,
        Silence::Credentials => Code::BmcRefusesUs,
        Silence::Untrusted => Code::BmcUntrusted,
        Silence::Secret => Code::BmcSecret,
        Silence::Password | Silence::LongPassword | Silence::Failed | Silence::Unasked => {
            return None;
        }
    };
    let fault = Fault::new(code, unreached.cause.clone());
    Some(match code == Code::BmcUntrusted {
        true => fault.help(untrusted(host, bmc)),
        false => fault,
    })
}

/// One that refused us before, and was not asked again.
pub(super) fn refused_before(host: &HostName, bmc: &Bmc) -> Fault {
    let message = format!("the BMC of {host} at {} does not let us in", bmc.place());
    Fault::new(Code::BmcRefusesUs, message).because(&RefusedBefore)
}

/// Of a command: the help names the question that tells what came of it.
pub(super) fn command(host: &HostName, bmc: &Bmc, error: &BmcError, question: &str) -> Fault {
    let fault = self::bmc(host, bmc, error);
    let is_open = fault.code == Code::BmcFailed && failing(error).is_open();
    let help = fault.help.clone().filter(|_| is_open);
    match help {
        Some(help) => fault.help(format!(
            "{help}; `bedplate {question} {host}` tells what came of it"
        )),
        None => fault,
    }
}

/// Whether it may be back in a moment: one that starts anew is silent, or has its port closed, before it answers.
pub(super) fn is_away(fault: &Fault) -> bool {
    [Code::BmcUnreachable, Code::BmcClosed, Code::BmcNoRoute].contains(&fault.code)
}

fn silent(bmc: &Bmc) -> &'static str {
    match bmc.protocol {
        BmcProtocol::Qemu { .. } => {
            "start QEMU with this socket as its monitor, `-qmp unix:PATH,server=on,wait=off`; it speaks with one at a time"
        }
        BmcProtocol::Webhook(_) => {
            "see that the switch has power, that its URL in the site is right, and that this controller has a way to it"
        }
        BmcProtocol::WakeOnLan { .. } | BmcProtocol::Manual(_) => {
            "see that this controller has an address in the machine's subnet"
        }
        BmcProtocol::Ipmi { .. } | BmcProtocol::Redfish { .. } => {
            "see that it has power, and that this controller has a way to it"
        }
    }
}

/// Where what a BMC refused is written; what that is stays there.
pub(super) fn refused_at(place: impl fmt::Display) -> String {
    format!("see {place} in the site; this was the only try, since accounts are locked after a few")
}

fn untrusted(host: &HostName, bmc: &Bmc) -> String {
    match bmc.protocol {
        BmcProtocol::Redfish { .. } | BmcProtocol::Webhook(_) => format!(
            "`bedplate bmc trust {host}` shows its certificate: compare it, then pin it by `fingerprint`, or name its authority by `certificate-authority`"
        ),
        BmcProtocol::Ipmi { .. } => {
            "somebody between here and the BMC may want weaker ciphers; look before you allow them by `cipher-suite`"
                .to_owned()
        }
        BmcProtocol::WakeOnLan { .. } | BmcProtocol::Manual(_) | BmcProtocol::Qemu { .. } => {
            "look who answers there".to_owned()
        }
    }
}

/// What the site names to be let in by, there where it says so, and cannot be read. What stands in it is not told.
pub(super) fn target(host: &HostName, error: &TargetError, origin: Option<Origin>) -> Fault {
    let place = origin.map_or_else(String::new, |origin| format!(" ({origin})"));
    let fault = |message| Fault::new(Code::BmcSecret, message);
    let fault = match error {
        TargetError::Secret { reference, source } => fault(format!(
            "{reference}, which the BMC of {host} needs{place}, cannot be read"
        ))
        .because(source),
        TargetError::Authority { path, source } => fault(format!(
            "{path}, with which the BMC of {host} is verified{place}, cannot be read"
        ))
        .because(source),
    };
    fault.help(error.help())
}

pub(in crate::daemon) fn no_machine(host: &HostName, says: &Says) -> Fault {
    let known = says.machines.keys().map(HostName::as_str);
    let fault = Fault::new(
        Code::NoSuchMachine,
        format!("the site in force has no machine `{host}`"),
    );
    helped(fault, did_you_mean(host.as_str(), known), says)
}

pub(super) fn no_tag(tag: &Name, says: &Says) -> Fault {
    let known = says.machines.values().flat_map(|card| &card.tags);
    let fault = Fault::new(
        Code::NoSuchMachine,
        format!("no machine of the site in force has the tag `{tag}`"),
    );
    helped(
        fault,
        did_you_mean(tag.as_str(), known.map(Name::as_str)),
        says,
    )
}

pub(super) fn no_rack(rack: &Name, says: &Says) -> Fault {
    let known = says.machines.values().filter_map(|card| card.rack.as_ref());
    let known: BTreeSet<&str> = known.map(Name::as_str).collect();
    let message = format!("no machine of the site in force stands in rack `{rack}`");
    let fault = Fault::new(Code::NoSuchMachine, message);
    let meant = did_you_mean(rack.as_str(), known.iter().copied());
    let all = (!known.is_empty()).then(|| format!("its racks are {}", listed(known.into_iter())));
    let none = || "say of machines where they stand: rack \"…\"".to_owned();
    helped(fault, meant.or(all).or_else(|| Some(none())), says)
}

fn helped(fault: Fault, meant: Option<String>, says: &Says) -> Fault {
    match meant {
        _ if says.machines.is_empty() => fault.help("apply a site with machines first"),
        Some(meant) => fault.help(meant),
        None => fault.help("what is not applied yet is not known to the daemon"),
    }
}

pub(super) fn no_bmc(host: &HostName) -> Fault {
    Fault::new(
        Code::NoSuchMachine,
        format!("machine `{host}` has no BMC in the site in force"),
    )
    .help("give it one: bmc \"redfish\" address=\"…\" username=\"…\" password=(file)\"…\"")
}

/// A certificate of a protocol that has none.
pub(super) fn no_certificate(host: &HostName, bmc: &Bmc) -> Fault {
    let (speaks, help) = match &bmc.protocol {
        BmcProtocol::Ipmi { .. } => ("IPMI", "its password proves both sides to each other"),
        BmcProtocol::Redfish { .. } | BmcProtocol::Webhook(_) => (
            "plain HTTP",
            "write https:// where it is asked, and secrets can be sent to it",
        ),
        BmcProtocol::WakeOnLan { .. } => (
            "Wake-on-LAN",
            "whoever is in the subnet can send such a packet",
        ),
        BmcProtocol::Manual(_) => ("no protocol", "it is a person who is asked"),
        BmcProtocol::Qemu { .. } => (
            "QMP",
            "whoever may open the socket is trusted: see its mode",
        ),
    };
    let message = format!("the BMC of {host} speaks {speaks}, which has no certificates");
    Fault::new(Code::BadRequest, message).help(help)
}

pub(super) fn nothing_chosen(says: &Says) -> Fault {
    let fault = Fault::new(Code::NoSuchMachine, "none of these machines has a BMC");
    helped(fault, None, says)
}

/// What none of the machines that were chosen can do.
pub(super) fn unable(skipped: &[SkippedMachines]) -> Fault {
    let mut fault = Fault::new(Code::BmcFailed, "none of these machines can do that");
    let causes = skipped.iter().map(|one| one.why.clone());
    fault.causes = causes.collect();
    fault.help("`bmc` in the site says how each machine is reached: IPMI and Redfish can more")
}

/// What a machine is not in a state for.
pub(super) fn is_off(host: &HostName) -> Fault {
    Fault::new(
        Code::BmcFailed,
        format!("{host} is off, and so cannot be restarted"),
    )
    .help(format!("`bedplate power on {host}` starts it"))
}

/// A machine that does not come to what it was told.
pub(super) fn not_there(host: &HostName, wanted: &str, found: &str, seconds: u64) -> Fault {
    Fault::new(
        Code::BmcFailed,
        format!("{host} was told to be {wanted}, and is {found} after {seconds} seconds"),
    )
    .help(match wanted {
        "off" => "its system may not have heard it, or be busy; `bedplate power off` takes the power away",
        _ => "`bedplate sel` tells what the machine says of it",
    })
}

/// A BMC that agreed to what it does not report.
pub(super) fn not_so(host: &HostName, wanted: &str, found: &str) -> Fault {
    let message = format!("{host} was told to be {wanted}, and is {found}");
    Fault::new(Code::BmcFailed, message).help(
        "the BMC agreed and does not report it: it may do it all the same, or have no such thing",
    )
}

pub(super) fn sweeping() -> Fault {
    Fault::new(Code::BadRequest, "the daemon sweeps for BMCs already")
        .help("wait until it is done; a sweep ends with the command that asked for it")
}

/// Nothing to look at: no subnet is named, and no BMC of the site is in one.
pub(super) fn nothing_to_sweep(says: &Says) -> Fault {
    let fault = Fault::new(
        Code::BadRequest,
        "no subnet of the site holds a BMC, and none is named",
    );
    match says.machines.is_empty() {
        true => fault.help("name one: `bedplate bmc discover 10.62.0.0/24`; or apply a site first"),
        false => fault.help("name one: `bedplate bmc discover 10.62.0.0/24`"),
    }
}

pub(super) fn too_wide(subnet: Prefix, most: usize) -> Fault {
    let message = format!("{subnet} has more addresses than a sweep looks at, which is {most}");
    Fault::new(Code::BadRequest, message).help("name the parts of it in which BMCs may be")
}

/// A person who did not say that it is done.
pub(super) fn unanswered(host: &HostName, action: PowerAction, within: Seconds) -> Fault {
    let message = format!("nobody said within {within} that the {action} of {host} is done");
    Fault::new(Code::BmcFailed, message).help(format!(
        "look at the machine; `bedplate power {} {host}` asks again",
        action.word()
    ))
}

/// A machine that somebody is asked about already.
pub(super) fn asked_already(host: &HostName) -> Fault {
    let message = format!("a person is asked about {host} already");
    Fault::new(Code::BmcFailed, message).help(format!(
        "wait for it, or say that it is done: `bedplate power done {host}`"
    ))
}

/// A machine that nobody is asked about.
pub(super) fn unasked(host: &HostName) -> Fault {
    let message = format!("nobody is asked to switch {host}");
    Fault::new(Code::BadRequest, message)
        .help("`power on` of a machine whose BMC is `manual` asks, and waits for this")
}
