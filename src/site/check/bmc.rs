//! BMCs: each complete, at an address of its own, and with the settings of its protocol alone.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::claim::{self, Claim};
use super::switch;
use crate::base::bmc::PowerAction;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::lang::node::{BmcNode, HostShape};
use crate::site::resolve::{Domain, Draft, Host, Role, several_fabrics};

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut fabrics = draft.declarations.fabrics.iter();
    let is_unsure = fabrics.any(|fabric| matches!(fabric.isolated, Slot::Faulty));
    let (mut incomplete, mut unmade) = (Incomplete::new(), BTreeSet::new());
    for host in &draft.hosts {
        let Role::Machine(shape) = &host.role else {
            continue;
        };
        let Some(bmc) = &shape.bmc else {
            powerless(host, shape, out);
            continue;
        };
        out.extend(unbootable(bmc, &shape.boot_order));
        if let Some(what) = absent(draft, host, bmc) {
            incomplete.entry((bmc.span, what)).or_default().push(host);
        }
        foreign(bmc, out);
        trusted(bmc, out);
        out.extend(unspoken(bmc));
        out.extend(unnamed(bmc));
        out.extend(powerless_account(shape, bmc));
        switch::unmade(host, bmc, &mut unmade, out);
        out.extend(switch::unclear(bmc));
        out.extend(switch::placed(bmc));
        out.extend(switch::hasty(bmc));
        out.extend(switch::asleep(draft, host, bmc));
        out.extend(switch::unseen(host, &shape.power, bmc));
        unplaced(draft, bmc, is_unsure, out);
        out.extend(of_gateway(draft, host, bmc));
    }
    for ((span, what), hosts) in incomplete {
        out.extend(missing(span, &what, hosts));
    }
    let mut claims: Vec<Claim<'_, (Domain, IpAddr)>> = draft
        .hosts
        .iter()
        .flat_map(|host| claims(draft, host))
        .collect();
    let mut bmcs: Vec<Claim<'_, Place>> = claims.iter().filter_map(of_bmc).collect();
    let mut systems: Vec<Claim<'_, (Place, &str)>> = bmcs.iter().filter_map(of_system).collect();
    // At one address there is one host, whatever listens there.
    let mut addresses = BTreeSet::new();
    claims.retain(|claim| claim.rank != BMC || addresses.insert(claim.key));
    let shared = claim::shared(&mut claims).into_iter();
    // Hosts that share an address of their links are told elsewhere.
    let shared = shared.filter(|one| one.again.rank == BMC);
    out.extend(shared.map(|one| {
        let fault = twice(one.first, one.again, one.again.key.1);
        fault.help("give one of them another address")
    }));
    // What several systems share, their manager has once.
    let mut managers = BTreeSet::new();
    bmcs.retain(|claim| of_system(claim).is_none() || managers.insert(claim.key));
    let shared = claim::shared(&mut bmcs).into_iter();
    out.extend(shared.map(|one| {
        let fault = twice(one.first, one.again, one.again.key.1);
        fault.help(match one.first.span == one.again.span {
            true => "give the address in each machine",
            false => {
                "give one of them another address, or the port at which another BMC listens there"
            }
        })
    }));
    let shared = claim::shared(&mut systems).into_iter();
    out.extend(shared.map(|one| {
        let fault = twice(one.first, one.again, one.again.key.0.1);
        fault.help("say by `system` which of its systems each machine is")
    }));
}

/// Where a BMC listens: at an address, and at a port that is not its protocol's usual one.
type Place = (Domain, IpAddr, Option<u16>);

/// The claim of a BMC, where this is one: at another port of an address there is another BMC.
fn of_bmc<'d>(claim: &Claim<'d, (Domain, IpAddr)>) -> Option<Claim<'d, Place>> {
    let bmc = bmc_of(claim.host).filter(|_| claim.rank == BMC)?;
    let usual = match bmc.kind.value()?.as_str() {
        "ipmi" => 623,
        _ => 443,
    };
    let port = bmc.port.value().copied().filter(|port| *port != usual);
    let (domain, address) = claim.key;
    Some(Claim {
        key: (domain, address, port),
        rank: claim.rank,
        span: claim.span,
        host: claim.host,
        is_locked: claim.is_locked,
    })
}

fn bmc_of<'d>(host: &'d Host<'d>) -> Option<&'d BmcNode> {
    match &host.role {
        Role::Machine(shape) => shape.bmc.as_ref(),
        Role::Controller(_) => None,
    }
}

/// The claim of one of several systems that a Redfish service manages, where this is one.
fn of_system<'d>(claim: &Claim<'d, Place>) -> Option<Claim<'d, (Place, &'d str)>> {
    let bmc = bmc_of(claim.host)?;
    let is_redfish = bmc.kind.value().is_some_and(|kind| kind == "redfish");
    let system = bmc.system.given().filter(|_| is_redfish)?;
    Some(Claim {
        key: (claim.key, &system.value),
        rank: claim.rank,
        span: system.span,
        host: claim.host,
        is_locked: claim.is_locked,
    })
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
    let bmc = bmc_of(host);
    let placed = host.links.iter().flat_map(|link| &link.addresses);
    let placed =
        placed.map(move |placed| claim((draft.domain(placed), placed.ip()), 0, placed.span()));
    // A switch for many machines is one thing.
    let bmc = bmc.filter(|bmc| bmc.kind.value().is_none_or(|kind| kind != "webhook"));
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

/// A power state or a boot order that nothing can bring about.
fn powerless(host: &Host<'_>, shape: &HostShape, out: &mut Faults) {
    let power = shape.power.given();
    let power = power.filter(|power| power.value != "unmanaged");
    let (span, what, mend) = match (power, shape.boot_order.given()) {
        (Some(power), _) => (power.span, "power state", ", or write power \"unmanaged\""),
        (None, Some(order)) => (order.span, "boot order", ""),
        (None, None) => return,
    };
    let message = format!("{} has a {what} and no BMC", host.title());
    out.push(
        Diagnostic::new(Code::BmcMissing, message)
            .label(span, "nothing can bring this about")
            .help(format!("add a `bmc` to it or to its profile{mend}")),
    );
}

/// A device to boot from that the protocol has no word for.
fn unbootable(bmc: &BmcNode, order: &Slot<String>) -> Option<Diagnostic> {
    if let Some(fault) = switch::unordered(bmc, order) {
        return Some(fault);
    }
    let order = order.given().filter(|order| order.value == "http")?;
    let kind = bmc.kind.given().filter(|kind| kind.value == "ipmi")?;
    Some(
        Diagnostic::new(Code::BmcSetting, "IPMI knows no boot by HTTP")
            .label(order.span, "cannot be asked for")
            .label(kind.span, "the protocol")
            .help("write `network`, or speak redfish with this BMC"),
    )
}

/// By place and what is missing there: machines that share a profile lack it together.
type Incomplete<'d> = BTreeMap<(Span, Vec<&'static str>), Vec<&'d Host<'d>>>;

/// What a BMC needs and neither machine nor profile gives.
fn absent(draft: &Draft<'_>, host: &Host<'_>, bmc: &BmcNode) -> Option<Vec<&'static str>> {
    if bmc.is_partial || super::reference::may_lack(draft, host) {
        return None;
    }
    let absent = switch::absent(bmc).into_iter();
    let absent = absent.filter(|(is_absent, _)| *is_absent);
    let absent: Vec<&str> = absent.map(|(_, what)| what).collect();
    (!absent.is_empty()).then_some(absent)
}

/// The one thing that no two BMCs share.
const ADDRESS: &str = "address";

fn missing(span: Span, absent: &[&str], mut hosts: Vec<&Host<'_>>) -> Option<Diagnostic> {
    hosts.sort_by_key(|host| &host.name.value);
    let what = match absent {
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        all => all.concat(),
    };
    let host = hosts.first()?;
    let kind = bmc_of(host).and_then(|bmc| bmc.kind.value());
    let kind = kind.map_or("…", String::as_str);
    let first = host.title();
    let message = match hosts.len() - 1 {
        0 => format!("the BMC of {first} needs {what}"),
        1 => format!("the BMCs of {first} and another need {what}"),
        more => format!("the BMCs of {first} and {more} more need {what}"),
    };
    let help = match absent {
        [ADDRESS] => format!("give each machine its own: bmc \"{kind}\" address=\"…\""),
        all if all.contains(&ADDRESS) => {
            "the address belongs in each machine, what else is missing there or in the profile"
                .to_owned()
        }
        _ => "add it here or in the profile".to_owned(),
    };
    let fault = Diagnostic::new(Code::Missing, message);
    Some(fault.label(span, format!("{what} missing")).help(help))
}

/// Settings of other kinds.
fn foreign(bmc: &BmcNode, out: &mut Faults) {
    let Some(kind) = bmc.kind.given() else {
        return;
    };
    for (span, name, of) in settings(bmc) {
        if let Some(span) = span.filter(|_| !of.contains(&kind.value.as_str())) {
            let of = of.join(" and ");
            let message = format!(
                "`{name}` is a setting of {of}, and this BMC is of kind {}",
                kind.value
            );
            out.push(
                Diagnostic::new(Code::BmcSetting, message)
                    .label(span, "means nothing here")
                    .label(kind.span, "the kind")
                    .help("remove it, or change the kind"),
            );
        }
    }
}

/// Where each setting is given, its name, and the kinds that it is for.
fn settings(
    bmc: &BmcNode,
) -> impl Iterator<Item = (Option<Span>, &'static str, &'static [&'static str])> {
    const IPMI: &[&str] = &["ipmi"];
    const NETWORK: &[&str] = &["redfish", "ipmi"];
    const ACCOUNT: &[&str] = &["redfish", "ipmi", "webhook"];
    const HTTP: &[&str] = &["redfish", "webhook"];
    const WEBHOOK: &[&str] = &["webhook"];
    fn at<T>(slot: &Slot<T>) -> Option<Span> {
        slot.given().map(|one| one.span)
    }
    let switch = &bmc.switch;
    let fixed = [
        (at(&bmc.address), "address", ACCOUNT),
        (at(&bmc.port), "port", NETWORK),
        (at(&bmc.fabric), "fabric", ACCOUNT),
        (at(&bmc.username), "username", ACCOUNT),
        (at(&bmc.password), "password", ACCOUNT),
        (at(&bmc.cipher_suite), "cipher-suite", IPMI),
        (at(&bmc.privilege), "privilege", IPMI),
        (at(&bmc.key), "k-g", IPMI),
        (at(&bmc.system), "system", HTTP),
        (at(&bmc.fingerprint), "fingerprint", HTTP),
        (at(&bmc.authority), "certificate-authority", HTTP),
        (bmc.network.as_ref().map(|one| one.span), "network", NETWORK),
        (at(&switch.interface), "interface", &["wake-on-lan"]),
        (at(&switch.socket), "socket", &["qemu"]),
        (at(&switch.instruction), "instruction", &["manual"]),
        (at(&switch.within), "within", &["manual"]),
    ];
    let users = bmc.users.iter();
    let users = users.map(|one| (Some(one.name.span), "user", NETWORK));
    let requests = switch.requests.iter().map(|one| {
        let name = one.action.map_or("status", PowerAction::word);
        (Some(one.span), name, WEBHOOK)
    });
    let fields = switch.fields.iter();
    let fields = fields.map(|one| (Some(one.name.span), "header", WEBHOOK));
    let fixed = fixed.into_iter().chain(users);
    fixed.chain(requests).chain(fields)
}

/// Bytes of the name of a user (IPMI 2.0, section 22.28).
const USER_NAME: usize = 16;

/// An account that no BMC can have.
fn unnamed(bmc: &BmcNode) -> Option<Diagnostic> {
    let name = bmc.username.given()?;
    let is_ipmi = bmc.kind.value().is_some_and(|kind| kind == "ipmi");
    let (message, label) = match name.value.len() {
        0 => ("the account on a BMC has a name".to_owned(), "empty"),
        length if is_ipmi && length > USER_NAME => {
            let message = format!(
                "a user of IPMI has a name of at most {USER_NAME} bytes, and this has {length}"
            );
            (message, "too long")
        }
        _ => return None,
    };
    let fault = Diagnostic::new(Code::BmcSetting, message).label(name.span, label);
    Some(fault.help("write the name as the BMC has it"))
}

/// Rights by which nobody can bring about what the machine is to be.
fn powerless_account(shape: &HostShape, bmc: &BmcNode) -> Option<Diagnostic> {
    let privilege = bmc.privilege.given().filter(|one| one.value == "user")?;
    let power = shape.power.given();
    let power = power.filter(|power| power.value != "unmanaged");
    let wish = power.or(shape.boot_order.given())?;
    let message = "with the rights of `user` a BMC is only looked at";
    let fault = Diagnostic::new(Code::BmcSetting, message)
        .label(privilege.span, "neither switches nor sets anything")
        .label(wish.span, "cannot be brought about");
    Some(fault.help("write privilege \"operator\", which is also the default"))
}

/// A cipher suite that Bedplate does not speak; the others protect less, or nothing.
fn unspoken(bmc: &BmcNode) -> Option<Diagnostic> {
    let suite = bmc.cipher_suite.given()?;
    (!matches!(suite.value, 3 | 17)).then(|| {
        let message = format!("cipher suite {} is not spoken", suite.value);
        Diagnostic::new(Code::BmcSetting, message)
            .label(suite.span, "neither 17 nor 3")
            .help("write 17, or 3 for a BMC that does not know 17")
    })
}

/// Who vouches for a BMC: in a file whose place does not depend on where the daemon was started, and nobody beside a certificate that
/// is pinned.
fn trusted(bmc: &BmcNode, out: &mut Faults) {
    let Some(authority) = bmc.authority.given() else {
        return;
    };
    if let Some(pinned) = bmc.fingerprint.given() {
        let message = "a certificate that is pinned needs nobody to vouch for it";
        out.push(
            Diagnostic::new(Code::BmcSetting, message)
                .label(authority.span, "means nothing here")
                .label(pinned.span, "the one that is trusted")
                .help("remove one of them"),
        );
    } else if !authority.value.starts_with('/') {
        let message = "a file on the controller has an absolute path";
        out.push(
            Diagnostic::new(Code::BmcSetting, message)
                .label(authority.span, "not absolute")
                .help("begin it with `/`"),
        );
    }
}

fn twice<K>(first: &Claim<'_, K>, again: &Claim<'_, K>, ip: IpAddr) -> Diagnostic {
    let (host, owner) = (again.host.title(), first.host.title());
    let message = format!("the BMC of {host} has the address {ip}, which {owner} has");
    let fault = Diagnostic::new(Code::AddressTwice, message);
    if first.span == again.span {
        fault.label(again.span, "every machine of this profile gets it")
    } else {
        fault
            .label(again.span, "used again here")
            .label(first.span, "first used here")
    }
}
