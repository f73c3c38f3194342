//! What clients are recognised by beside hardware addresses: each names one interface of its VLAN, a UUID one machine of the site.

use std::collections::BTreeSet;

use super::claim::{self, Claim};
use crate::base::identity::Identity;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::{Span, Spanned};
use crate::site::resolve::{Draft, Host, Plug, Role};

/// What may be said once: within a VLAN, or where there is none in the whole site.
type Once = (Option<usize>, Identity);

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    let mut claims: Vec<Claim<'_, Once>> = Vec::new();
    for host in &draft.hosts {
        for (key, span) in said(host) {
            claims.push(Claim {
                key,
                rank: 0,
                span,
                host,
                is_locked: false,
            });
        }
    }
    // A text and a UUID go on the wire in two forms each, and one fault is enough.
    let mut told = BTreeSet::new();
    for one in claim::shared(&mut claims) {
        if told.insert((one.first.span, one.again.span, one.again.host.name.span)) {
            out.push(twice(one.first, one.again));
        }
    }
}

/// What `host` says of its clients, each once for each place that says it.
fn said(host: &Host<'_>) -> BTreeSet<(Once, Span)> {
    let of_links = host.links.iter().flat_map(|link| {
        let vlan = match link.plug {
            Plug::Vlan(vlan) => Some(vlan),
            Plug::Nothing | Plug::Unknown => None,
        };
        let said = vlan.map(|vlan| (vlan, link.node.identities()));
        said.into_iter().flat_map(|(vlan, identities)| {
            identities.map(move |Spanned { value, span }| ((Some(vlan), value), span))
        })
    });
    let uuid = match &host.role {
        Role::Machine(shape) => shape.uuid.given(),
        Role::Controller(_) => None,
    };
    let of_machine = uuid.into_iter().flat_map(|uuid| {
        let ids = uuid.value.machine_ids().into_iter();
        ids.map(|id| ((None, id), uuid.span))
    });
    of_links.chain(of_machine).collect()
}

fn twice(first: &Claim<'_, Once>, again: &Claim<'_, Once>) -> Diagnostic {
    let what = match &again.key.1 {
        Identity::Mac(_) => "hardware address",
        Identity::ClientId(_) => "client identifier",
        Identity::CircuitId(_) => "circuit",
        Identity::Duid(_) => "DUID",
        Identity::MachineId(_) => "UUID",
    };
    let (owner, host) = (first.host.title(), again.host.title());
    let message = if std::ptr::eq(first.host, again.host) {
        format!("two interfaces of {host} in one VLAN have the same {what}")
    } else {
        format!("{owner} and {host} have the same {what}")
    };
    let fault = Diagnostic::new(Code::IdentityTwice, message);
    if first.span == again.span {
        fault
            .label(first.span, "every machine of this profile gets it")
            .help("say in each machine what it is recognised by")
    } else {
        fault
            .label(again.span, "used again here")
            .label(first.span, "first used here")
            .help("a client that shows it could be either: keep it where it belongs")
    }
}
