//! Users of BMCs: each once, none of them the account that Bedplate uses, and none that the protocol has no room for.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::claim::{self, Claim, Shared};
use crate::base::name::UserName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::lang::node::{BmcNode, UserNode};
use crate::site::resolve::{Domain, Draft, Host, Role, twice};

/// The bytes of a name over IPMI (IPMI 2.0, section 22.28).
const IPMI_NAME: usize = 16;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut claims = Vec::new();
    for host in &draft.hosts {
        let Role::Machine(shape) = &host.role else {
            continue;
        };
        let Some(bmc) = &shape.bmc else {
            continue;
        };
        out.extend(powerless(bmc));
        repeated(&bmc.users, out);
        out.extend(bmc.users.iter().filter_map(|user| own(user, bmc)));
        out.extend(bmc.users.iter().filter_map(|user| long(user, bmc)));
        claims.extend(claimed(draft, host, bmc));
    }
    let shared = claim::shared(&mut claims).into_iter();
    let is_of_two = |one: &Shared<'_, '_, _>| !std::ptr::eq(one.first.host, one.again.host);
    out.extend(shared.filter(is_of_two).map(|one| {
        let (name, first) = (&one.again.key.2, one.first);
        let message = format!(
            "{} declares the user `{name}` of a BMC of which {} does",
            one.again.host.title(),
            first.host.title()
        );
        let fault = Diagnostic::new(Code::DuplicateName, message);
        let fault = match first.span == one.again.span {
            true => fault.label(first.span, "every machine of this profile does"),
            false => fault
                .label(one.again.span, "declared again here")
                .label(first.span, "first declared here"),
        };
        fault.help("users are the BMC's, whatever systems it has: declare each in one machine")
    }));
}

fn repeated(users: &[UserNode], out: &mut Faults) {
    let mut seen = BTreeMap::new();
    for user in users {
        match seen.get(&user.name.value) {
            Some(first) => out.push(twice("user", &user.name.value, user.name.span, *first)),
            None => drop(seen.insert(&user.name.value, user.name.span)),
        }
    }
}

/// Some BMCs take names for the same whatever their case.
fn own(user: &UserNode, bmc: &BmcNode) -> Option<Diagnostic> {
    let account = bmc.username.given()?;
    let name = user.name.value.as_str();
    account.value.eq_ignore_ascii_case(name).then(|| {
        let message = format!("`{name}` is the account that Bedplate uses itself");
        Diagnostic::new(Code::OwnAccount, message)
            .label(user.name.span, "declared as a user")
            .label(account.span, "the account")
            .help("declare other users alone, or have Bedplate use another account")
    })
}

fn long(user: &UserNode, bmc: &BmcNode) -> Option<Diagnostic> {
    let kind = bmc.kind.given().filter(|kind| kind.value == "ipmi")?;
    let length = user.name.value.as_str().len();
    (length > IPMI_NAME).then(|| {
        let message = format!("a user of IPMI has a name of at most {IPMI_NAME} characters");
        Diagnostic::new(Code::BmcSetting, message)
            .label(user.name.span, format!("this one has {length}"))
            .label(kind.span, "the protocol")
            .help("give it a shorter name")
    })
}

/// A BMC that would refuse it all.
fn powerless(bmc: &BmcNode) -> Option<Diagnostic> {
    let user = bmc.users.first().map(|user| (user.span, "users"));
    let network = bmc.network.as_ref();
    let network = network.map(|network| (network.span, "the network"));
    let (span, what) = user.or(network)?;
    bmc.kind.given().filter(|kind| kind.value == "ipmi")?;
    let level = match bmc.privilege.given() {
        Some(level) if level.value == "administrator" => return None,
        None if !bmc.privilege.is_absent() => return None,
        level => level,
    };
    let message = format!("over IPMI only an administrator changes {what}");
    let fault = Diagnostic::new(Code::BmcSetting, message);
    let fault = fault.label(span, "would be refused");
    let fault = match level {
        Some(level) => fault.label(level.span, "the rights that Bedplate asks for"),
        None => fault,
    };
    Some(fault.help("write `privilege \"administrator\"` in the `bmc`; without it Bedplate asks for the rights of an operator"))
}

/// By the BMC, whoever's system it looks after.
fn claimed<'d>(
    draft: &'d Draft<'d>,
    host: &'d Host<'d>,
    bmc: &'d BmcNode,
) -> impl Iterator<Item = Claim<'d, (Domain, IpAddr, &'d UserName)>> {
    let place = bmc.address.value().copied();
    let place = place.and_then(|address| Some((draft.domain_of_bmc(bmc)?, address)));
    let users = place.into_iter().flat_map(|place| {
        let users = bmc.users.iter();
        users.map(move |user| (place, user))
    });
    users.map(|((domain, address), user)| Claim {
        key: (domain, address, &user.name.value),
        rank: 0,
        span: user.name.span,
        host,
        is_locked: false,
    })
}
