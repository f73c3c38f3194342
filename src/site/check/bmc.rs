//! BMCs: each complete, at an address of its own, and with the settings of its protocol alone.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::code::Code;
use crate::diag::report::Diagnostic;
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::lang::node::BmcNode;
use crate::site::resolve::{Domain, Draft, Host, Role};

pub(super) fn check(draft: &Draft<'_>, out: &mut Vec<Diagnostic>) {
    let taken: BTreeMap<(Domain, IpAddr), (Span, &Host<'_>)> = draft
        .hosts
        .iter()
        .flat_map(|host| host.links.iter().map(move |link| (host, link)))
        .flat_map(|(host, link)| link.addresses.iter().map(move |placed| (host, placed)))
        .map(|(host, placed)| {
            let place = (draft.domain(placed), placed.ip());
            (place, (placed.span(), host))
        })
        .collect();
    let mut seen: BTreeMap<IpAddr, (Span, &Host<'_>)> = BTreeMap::new();
    for host in &draft.hosts {
        let Role::Machine(shape) = &host.role else {
            continue;
        };
        let Some(bmc) = &shape.bmc else {
            powerless(host, &shape.power, out);
            continue;
        };
        complete(draft, host, bmc, out);
        foreign(bmc, out);
        let Some(address) = bmc.address.given() else {
            continue;
        };
        let other = taken
            .get(&(draft.domain_of(address.value), address.value))
            .or_else(|| seen.get(&address.value));
        if let Some((first, owner)) = other {
            out.push(shared(host, (address.value, address.span), owner, *first));
        }
        seen.insert(address.value, (address.span, host));
    }
}

/// A power state that nothing can bring about.
fn powerless(host: &Host<'_>, power: &Slot<String>, out: &mut Vec<Diagnostic>) {
    let Some(power) = power.given().filter(|power| power.value != "unmanaged") else {
        return;
    };
    let message = format!("{} has a power state and no BMC", host.title());
    out.push(
        Diagnostic::new(Code::BmcMissing, message)
            .label(power.span, "nothing can bring this about")
            .help("add a `bmc` to it or to its profile, or write power \"unmanaged\""),
    );
}

fn complete(draft: &Draft<'_>, host: &Host<'_>, bmc: &BmcNode, out: &mut Vec<Diagnostic>) {
    if bmc.is_partial || super::reference::may_hide(draft, host) {
        return;
    }
    let absent = [
        (bmc.kind.is_absent(), "a kind"),
        (bmc.address.is_absent(), "address"),
        (bmc.username.is_absent(), "username"),
        (bmc.password.is_absent(), "password"),
    ];
    let absent = absent.into_iter().filter(|(is_absent, _)| *is_absent);
    let absent: Vec<&str> = absent.map(|(_, what)| what).collect();
    if absent.is_empty() {
        return;
    }
    let what = absent.join(" and ");
    let message = format!("the BMC of {} needs {what}", host.title());
    out.push(
        Diagnostic::new(Code::Missing, message)
            .label(bmc.span, format!("{what} missing"))
            .help("add it here or in the profile"),
    );
}

/// Settings of the other protocol.
fn foreign(bmc: &BmcNode, out: &mut Vec<Diagnostic>) {
    let Some(kind) = bmc.kind.given() else {
        return;
    };
    let spans = [
        (
            bmc.cipher_suite.given().map(|one| one.span),
            "cipher-suite",
            "ipmi",
        ),
        (
            bmc.privilege.given().map(|one| one.span),
            "privilege",
            "ipmi",
        ),
        (bmc.key.given().map(|one| one.span), "k-g", "ipmi"),
        (bmc.system.given().map(|one| one.span), "system", "redfish"),
    ];
    for (span, name, of) in spans {
        if let Some(span) = span.filter(|_| kind.value != of) {
            let message = format!(
                "`{name}` is a setting of {of}, and this BMC speaks {}",
                kind.value
            );
            out.push(
                Diagnostic::new(Code::BmcSetting, message)
                    .label(span, "means nothing here")
                    .label(kind.span, "the protocol")
                    .help("remove it, or change the protocol"),
            );
        }
    }
}

fn shared(
    host: &Host<'_>,
    (ip, span): (IpAddr, Span),
    owner: &Host<'_>,
    first: Span,
) -> Diagnostic {
    let message = format!(
        "the BMC of {} has the address {ip}, which {} has",
        host.title(),
        owner.title()
    );
    let fault = Diagnostic::new(Code::AddressTwice, message);
    if first == span {
        fault
            .label(span, "every machine of this profile gets it")
            .help("give the address in each machine")
    } else {
        fault
            .label(span, "used again here")
            .label(first, "first used here")
    }
}
