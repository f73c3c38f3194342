//! BMCs: each complete, at an address of its own, and with the settings of its protocol alone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::claim::{self, Claim};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::lang::Slot;
use crate::lang::node::BmcNode;
use crate::site::resolve::{Domain, Draft, Host, Role, several_fabrics};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut fabrics = draft.declarations.fabrics.iter();
    let is_unsure = fabrics.any(|fabric| matches!(fabric.isolated, Slot::Faulty));
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
        unplaced(draft, bmc, is_unsure, out);
        out.extend(of_gateway(draft, host, bmc));
    }
    let mut claims: Vec<Claim<'_, (Domain, IpAddr)>> = draft
        .hosts
        .iter()
        .flat_map(|host| claims(draft, host))
        .collect();
    let shared = claim::shared(&mut claims).into_iter();
    // Hosts that share an address of their links are told elsewhere.
    let shared = shared.filter(|one| one.again.rank == BMC);
    out.extend(shared.map(|one| twice(one.first, one.again)));
}

/// The rank of a BMC's claim, after those of links.
const BMC: u8 = 1;

/// The addresses that a host has, those of its links and that of its BMC.
fn claims<'d>(
    draft: &'d Draft<'d>,
    host: &'d Host<'d>,
) -> impl Iterator<Item = Claim<'d, (Domain, IpAddr)>> {
    let claim = move |key, rank, span| Claim {
        key,
        rank,
        span,
        host,
        is_locked: false,
    };
    let bmc = match &host.role {
        Role::Machine(shape) => shape.bmc.as_ref(),
        Role::Controller(_) => None,
    };
    let placed = host.links.iter().flat_map(|link| &link.addresses);
    let placed =
        placed.map(move |placed| claim((draft.domain(placed), placed.ip()), 0, placed.span()));
    let bmc = bmc.and_then(|bmc| {
        let at = bmc.address.given()?;
        Some(claim((draft.domain_of_bmc(bmc)?, at.value), BMC, at.span))
    });
    placed.chain(bmc)
}

/// A BMC in a fabric that there is not, or in several that keep to themselves.
fn unplaced(draft: &Draft<'_>, bmc: &BmcNode, is_unsure: bool, out: &mut Faults) {
    if let Some(fabric) = bmc.fabric.given() {
        draft.fabrics.check(fabric, &draft.declarations.gaps, out);
        return;
    }
    let address = bmc.address.given().filter(|_| bmc.fabric.is_absent());
    let is_ambiguous = draft.domain_of_bmc(bmc).is_none() && !is_unsure;
    if let Some(address) = address.filter(|_| is_ambiguous) {
        let holding = draft.index.holding(address.value);
        let fabrics: BTreeSet<&str> = holding
            .filter_map(|subnet| Some(draft.vlan_of(subnet)?.path.fabric.as_str()))
            .collect();
        out.push(several_fabrics("the BMC's address", address.span, &fabrics));
    }
}

/// A BMC at the address of a subnet's router.
fn of_gateway(draft: &Draft<'_>, host: &Host<'_>, bmc: &BmcNode) -> Option<Diagnostic> {
    let address = bmc.address.given()?;
    let subnet = draft.subnet_of_bmc(bmc)?;
    let gateway = draft.subnets.get(subnet)?.node.gateway.given()?;
    (gateway.value == address.value).then(|| {
        let message = format!("the BMC of {} has the address of a gateway", host.title());
        Diagnostic::new(Code::AddressIsGateway, message)
            .label(address.span, "the BMC's address")
            .label(gateway.span, "the subnet's gateway")
            .help("give the BMC another address")
    })
}

/// A power state that nothing can bring about.
fn powerless(host: &Host<'_>, power: &Slot<String>, out: &mut Faults) {
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

fn complete(draft: &Draft<'_>, host: &Host<'_>, bmc: &BmcNode, out: &mut Faults) {
    if bmc.is_partial || super::reference::may_lack(draft, host) {
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
    let what = match absent.as_slice() {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    };
    let message = format!("the BMC of {} needs {what}", host.title());
    out.push(
        Diagnostic::new(Code::Missing, message)
            .label(bmc.span, format!("{what} missing"))
            .help("add it here or in the profile"),
    );
}

/// Settings of the other protocol.
fn foreign(bmc: &BmcNode, out: &mut Faults) {
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

fn twice(first: &Claim<'_, (Domain, IpAddr)>, again: &Claim<'_, (Domain, IpAddr)>) -> Diagnostic {
    let (_, ip) = again.key;
    let (host, owner) = (again.host.title(), first.host.title());
    let message = format!("the BMC of {host} has the address {ip}, which {owner} has");
    let fault = Diagnostic::new(Code::AddressTwice, message);
    if first.span == again.span {
        fault
            .label(again.span, "every machine of this profile gets it")
            .help("give the address in each machine")
    } else {
        fault
            .label(again.span, "used again here")
            .label(first.span, "first used here")
            .help("give one of them another address")
    }
}
