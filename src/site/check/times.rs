//! Times of DHCP: each within bounds, and none longer than the lease that it is a part or a kind of.

use crate::base::duration::Seconds;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::lang::Slot;
use crate::lang::node::DhcpNode;
use crate::site::build::LEASE_TIME;
use crate::site::resolve::{Draft, Plug};

/// Shortest lease: renewal at half of it must leave time to retry.
const LEASE_MIN: Seconds = Seconds(60);

/// Longest lease.
const LEASE_MAX: Seconds = Seconds(365 * 86_400);

const WISH_MIN: Seconds = Seconds(10);

const OFFER: [Seconds; 2] = [Seconds(2), Seconds(600)];

const QUARANTINE: [Seconds; 2] = [Seconds(10), Seconds(30 * 86_400)];

const HISTORY: [Seconds; 2] = [Seconds(86_400), Seconds(3650 * 86_400)];

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for dhcp in draft
        .declarations
        .sites
        .iter()
        .filter_map(|site| site.dhcp.as_ref())
    {
        out.extend(bounded(&dhcp.history_time, "a history", HISTORY));
    }
    for (index, vlan) in draft.vlans.iter().enumerate() {
        let Some(dhcp) = &vlan.node.dhcp else {
            continue;
        };
        let lease = [LEASE_MIN, LEASE_MAX];
        out.extend(bounded(&dhcp.lease_time, "a lease", lease));
        out.extend(bounded(&dhcp.boot_lease_time, "a lease", lease));
        let wish = [WISH_MIN, LEASE_MAX];
        out.extend(bounded(&dhcp.least_lease_time, "a lease", wish));
        out.extend(bounded(&dhcp.offer_time, "an offer", OFFER));
        out.extend(bounded(&dhcp.quarantine_time, "a quarantine", QUARANTINE));
        let serving = match draft.relays.get(index) {
            Some(Plug::Vlan(target)) => draft.vlans.get(*target),
            Some(Plug::Nothing | Plug::Unknown) | None => None,
        };
        let theirs = serving.and_then(|target| target.node.dhcp.as_deref());
        for (name, time) in [
            ("least-lease-time", least as Time),
            ("boot-lease-time", boot),
        ] {
            out.extend(longer(dhcp, theirs, (name, time)));
        }
    }
}

/// A time that a VLAN's DHCP says.
type Time = fn(&DhcpNode) -> &Slot<Seconds>;

fn least(dhcp: &DhcpNode) -> &Slot<Seconds> {
    &dhcp.least_lease_time
}

fn boot(dhcp: &DhcpNode) -> &Slot<Seconds> {
    &dhcp.boot_lease_time
}

fn bounded(time: &Slot<Seconds>, what: &str, [least, most]: [Seconds; 2]) -> Option<Diagnostic> {
    let given = time.given()?;
    let fits = (least..=most).contains(&given.value);
    (!fits).then(|| {
        let message = format!(
            "{what} of {} is not between {least} and {most}",
            given.value
        );
        Diagnostic::new(Code::InvalidValue, message).label(given.span, "out of bounds")
    })
}

/// A time that is longer than the lease time in force, told where one of the two stands; what the VLAN of the servers says of both is
/// told there.
fn longer(
    dhcp: &DhcpNode,
    theirs: Option<&DhcpNode>,
    (name, time): (&str, Time),
) -> Option<Diagnostic> {
    let in_force = |time: Time| {
        let inherited = || theirs.map(time).filter(|time| !time.is_absent());
        Some(time(dhcp))
            .filter(|time| !time.is_absent())
            .or_else(inherited)
    };
    let lease = in_force(|dhcp| &dhcp.lease_time);
    let time = in_force(time)?.given()?;
    let is_own = |span| {
        let own = [
            &dhcp.lease_time,
            &dhcp.least_lease_time,
            &dhcp.boot_lease_time,
        ];
        own.iter()
            .any(|own| own.given().is_some_and(|own| own.span == span))
    };
    let lease_span = match lease {
        Some(Slot::Faulty) => return None,
        Some(Slot::Given(lease)) => Some(lease.span),
        Some(Slot::Absent) | None => None,
    };
    let most = lease.and_then(Slot::value).copied().unwrap_or(LEASE_TIME);
    let is_here = is_own(time.span) || lease_span.is_some_and(is_own);
    if time.value <= most || !is_here {
        return None;
    }
    let message = format!(
        "`{name}` is {}, and a lease lasts no longer than {most}",
        time.value
    );
    let fault = Diagnostic::new(Code::DhcpTimes, message).label(time.span, "longer than any lease");
    Some(match lease_span {
        Some(span) => fault
            .label(span, "the longest lease")
            .help("make this shorter, or leases longer"),
        None => fault.help(format!(
            "make it shorter, or say `lease-time`, which is {LEASE_TIME} by default"
        )),
    })
}
