//! BMCs that only switch: what each kind needs and takes, and power states that it cannot bring about.

use std::collections::BTreeSet;

use crate::base::bmc::PowerAction;
use crate::base::duration::Seconds;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::BmcNode;
use crate::site::resolve::{Draft, Host, Plug, places, requests};

/// How long a person may take.
const SHORTEST: Seconds = Seconds(60);
const LONGEST: Seconds = Seconds(24 * 3600);

/// What a kind needs beside an address and an account.
pub(super) fn absent(bmc: &BmcNode) -> Vec<(bool, &'static str)> {
    let switch = &bmc.switch;
    match bmc.kind.value().map(String::as_str) {
        Some("webhook") => {
            let used: BTreeSet<&str> = places(bmc).collect();
            let needs = |name: &str| used.contains(name);
            vec![
                (switch.requests.is_empty(), "a request, such as `on`"),
                (bmc.address.is_absent() && needs("address"), "address"),
                (bmc.system.is_absent() && needs("system"), "system"),
                (
                    bmc.username.is_absent() && (needs("username") || needs("basic")),
                    "username",
                ),
                (
                    bmc.password.is_absent() && (needs("password") || needs("basic")),
                    "password",
                ),
            ]
        }
        Some("qemu") => vec![(switch.socket.is_absent(), "socket")],
        Some("wake-on-lan" | "manual") => Vec::new(),
        Some(_) | None => vec![
            (bmc.kind.is_absent(), "a kind"),
            (bmc.address.is_absent(), "address"),
            (bmc.username.is_absent(), "username"),
            (bmc.password.is_absent(), "password"),
        ],
    }
}

/// Requests that cannot be made as they are written. What a profile says is told once.
pub(super) fn unmade(
    host: &Host<'_>,
    bmc: &BmcNode,
    told: &mut BTreeSet<(Span, String)>,
    out: &mut Faults,
) {
    if bmc.kind.value().is_none_or(|kind| kind != "webhook") {
        return;
    }
    let faults = requests(&host.name.value, bmc).err().unwrap_or_default();
    for fault in faults {
        let at = fault.place().map(|span| (span, fault.message.clone()));
        if at.is_none_or(|at| told.insert(at)) {
            out.push(fault);
        }
    }
}

/// What an answer means both of.
pub(super) fn unclear(bmc: &BmcNode) -> Option<Diagnostic> {
    bmc.switch.requests.iter().find_map(|request| {
        let both = |off: &&Spanned<String>| request.on.iter().any(|on| on.value == off.value);
        let off = request.off.iter().find(both)?;
        let on = request.on.iter().find(|on| on.value == off.value)?;
        let message = format!("`{}` cannot mean both on and off", off.value);
        let fault = Diagnostic::new(Code::BmcSetting, message)
            .label(off.span, "off, …")
            .label(on.span, "… and on");
        Some(fault.help("write what the switch answers in each state"))
    })
}

/// A socket whose place depends on where the daemon was started.
pub(super) fn placed(bmc: &BmcNode) -> Option<Diagnostic> {
    let socket = bmc.switch.socket.given()?;
    (!socket.value.starts_with('/')).then(|| {
        let message = "a socket on the controller has an absolute path";
        Diagnostic::new(Code::BmcSetting, message)
            .label(socket.span, "not absolute")
            .help("begin it with `/`")
    })
}

/// A time in which nobody could walk there, or that nobody waits for.
pub(super) fn hasty(bmc: &BmcNode) -> Option<Diagnostic> {
    let within = bmc.switch.within.given()?;
    (!(SHORTEST..=LONGEST).contains(&within.value)).then(|| {
        let message = format!(
            "a person gets between {SHORTEST} and {LONGEST}, not {}",
            within.value
        );
        Diagnostic::new(Code::BmcSetting, message)
            .label(within.span, "too short or too long")
            .help("half an hour is the default")
    })
}

/// A machine with nothing that a packet could wake.
pub(super) fn asleep(draft: &Draft<'_>, host: &Host<'_>, bmc: &BmcNode) -> Option<Diagnostic> {
    if bmc.kind.value()? != "wake-on-lan" || bmc.is_partial || draft.woken(host, bmc).is_some() {
        return None;
    }
    let is_unsure = |link: &crate::site::resolve::Link| {
        matches!(host.mac_of(link), Slot::Faulty) || matches!(link.plug, Plug::Unknown)
    };
    if host.links.iter().any(is_unsure)
        || matches!(bmc.switch.interface, Slot::Faulty)
        || super::reference::may_lack(draft, host)
    {
        return None;
    }
    let title = host.title();
    let (span, message) = match bmc.switch.interface.given() {
        Some(named) if host.link(&named.value).is_none() => {
            let message = format!("{title} has no interface `{}`", named.value);
            let fault = Diagnostic::new(Code::UnknownReference, message);
            return Some(
                fault
                    .label(named.span, "not found")
                    .help("name one of its own"),
            );
        }
        Some(named) => (
            named.span,
            format!("the interface `{}` of {title} cannot be woken", named.value),
        ),
        None => (
            bmc.span,
            format!("{title} has no interface that can be woken"),
        ),
    };
    let fault = Diagnostic::new(Code::Missing, message);
    Some(
        fault
            .label(span, "nothing that a packet reaches")
            .help("one is woken by its mac=\"…\", in a vlan=\"…\" that has an IPv4 subnet"),
    )
}

/// A power state that nobody could see to: the BMC does not tell of it, or cannot switch so.
pub(super) fn unseen(host: &Host<'_>, power: &Slot<String>, bmc: &BmcNode) -> Option<Diagnostic> {
    let power = power.given().filter(|power| power.value != "unmanaged")?;
    let kind = bmc.kind.given()?;
    let why = match kind.value.as_str() {
        "wake-on-lan" => "it wakes machines, and cannot tell whether they run",
        "manual" => "it asks a person, and looks at nothing itself",
        "webhook" if !bmc.is_partial => {
            let has = |action| bmc.switch.requests.iter().any(|one| one.action == action);
            match (
                has(None),
                has(Some(PowerAction::On)) && has(Some(PowerAction::Off)),
            ) {
                (true, true) => return None,
                (false, _) => "without `status` it does not tell whether the machine runs",
                (true, false) => "it needs both `on` and `off`",
            }
        }
        _ => return None,
    };
    let message = format!("the BMC of {} cannot see to a power state", host.title());
    Some(
        Diagnostic::new(Code::PowerUnseen, message)
            .label(
                power.span,
                "nobody can bring this about, or see that it is so",
            )
            .label(kind.span, why)
            .help("write power \"unmanaged\", or give the machine another BMC"),
    )
}

/// A boot order for what only switches.
pub(super) fn unordered(bmc: &BmcNode, order: &Slot<String>) -> Option<Diagnostic> {
    let (order, kind) = (order.given()?, bmc.kind.given()?);
    matches!(
        kind.value.as_str(),
        "webhook" | "wake-on-lan" | "manual" | "qemu"
    )
    .then(|| {
        let message = format!("a BMC of kind {} sets no boot order", kind.value);
        Diagnostic::new(Code::BmcSetting, message)
            .label(order.span, "nobody can bring this about")
            .label(kind.span, "it switches the power, and no more")
            .help("remove the order: what the firmware is set to counts")
    })
}
