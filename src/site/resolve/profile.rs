//! Profiles applied to machines: scalars override, named children merge, unnamed lists replace whole.

use std::collections::{BTreeMap, BTreeSet};

use super::option::{OptionPlace, nearest};
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::diag::suggest::did_you_mean;
use crate::lang::node::{
    BmcNode, BondSetting, HostShape, IdentityNode, LinkNode, LinkShape, OptionNode, RequestNode,
    SwitchNode, UserNode,
};

/// What a machine is once its profile is taken into account.
pub(super) fn apply(own: &HostShape, profile: &HostShape, out: &mut Faults) -> HostShape {
    removed(own, profile, out);
    let removed: BTreeSet<&LinkName> = own.removed.iter().map(|name| &name.value).collect();
    let inherited = profile
        .interfaces
        .iter()
        .filter(|link| !removed.contains(&link.name.value));
    HostShape {
        uuid: own.uuid.clone(),
        image: own.image.clone().or(profile.image.clone()),
        rack: own.rack.clone().or(profile.rack.clone()),
        tags: own.tags.clone().or_else(|| profile.tags.clone()),
        interfaces: interfaces(&own.interfaces, inherited, out),
        bmc: match (&own.bmc, &profile.bmc) {
            (Some(own), Some(base)) => Some(bmc(own, base)),
            (own, base) => own.clone().or_else(|| base.clone()),
        },
        power: own.power.clone().or(profile.power.clone()),
        boot_from: own.boot_from.clone().or(profile.boot_from.clone()),
        boot_order: own.boot_order.clone().or(profile.boot_order.clone()),
        boot_mode: own.boot_mode.clone().or(profile.boot_mode.clone()),
        options: options(&[&own.options, &profile.options]),
        default_gateways: if own.default_gateways.is_empty() {
            profile.default_gateways.clone()
        } else {
            own.default_gateways.clone()
        },
        removed: Vec::new(),
        protect: own.protect.clone().or_else(|| profile.protect.clone()),
        span: own.span,
    }
}

/// What a machine says alone, which has no profile to take anything out of.
pub(super) fn alone(own: &HostShape, out: &mut Faults) -> HostShape {
    for name in &own.removed {
        let message = "the machine has no profile, and so nothing to remove";
        out.push(
            Diagnostic::new(Code::UnknownReference, message)
                .label(name.span, "of which profile?")
                .help("remove this, or name the profile: machine \"…\" profile=\"…\""),
        );
    }
    HostShape {
        removed: Vec::new(),
        ..own.clone()
    }
}

/// Reports what a machine takes out that its profile does not have.
fn removed(own: &HostShape, profile: &HostShape, out: &mut Faults) {
    let known: BTreeSet<&str> = profile
        .interfaces
        .iter()
        .map(|link| link.name.value.as_str())
        .collect();
    for name in &own.removed {
        if known.contains(name.value.as_str()) {
            continue;
        }
        let message = format!("the profile has no interface `{}`", name.value);
        let guess = out
            .are_few()
            .then(|| did_you_mean(name.value.as_str(), known.iter().copied()));
        let help = guess.flatten().unwrap_or_else(|| "remove this".to_owned());
        out.push(
            Diagnostic::new(Code::UnknownReference, message)
                .label(name.span, "there is nothing to remove")
                .help(help),
        );
    }
}

/// Options merge by their codes.
fn options(places: &[&Vec<OptionNode>]) -> Vec<OptionNode> {
    let places = places
        .iter()
        .map(|options| (OptionPlace::Machine, options.as_slice()));
    let options = nearest(places).into_iter();
    options.map(|(_, option)| option.clone()).collect()
}

fn bmc(own: &BmcNode, base: &BmcNode) -> BmcNode {
    BmcNode {
        kind: own.kind.clone().or(base.kind.clone()),
        address: own.address.clone().or(base.address.clone()),
        port: own.port.clone().or(base.port.clone()),
        fabric: own.fabric.clone().or(base.fabric.clone()),
        username: own.username.clone().or(base.username.clone()),
        password: own.password.clone().or(base.password.clone()),
        key: own.key.clone().or(base.key.clone()),
        cipher_suite: own.cipher_suite.clone().or(base.cipher_suite.clone()),
        privilege: own.privilege.clone().or(base.privilege.clone()),
        system: own.system.clone().or(base.system.clone()),
        fingerprint: own.fingerprint.clone().or(base.fingerprint.clone()),
        authority: own.authority.clone().or(base.authority.clone()),
        network: own.network.clone().or_else(|| base.network.clone()),
        users: users(&own.users, &base.users),
        switch: switch(&own.switch, &base.switch),
        is_partial: own.is_partial || base.is_partial,
        span: own.span,
    }
}

/// Users merge by their names; one is its machine's whole.
fn users(own: &[UserNode], base: &[UserNode]) -> Vec<UserNode> {
    let is_own = |one: &&UserNode| own.iter().any(|own| own.name.value == one.name.value);
    let rest = base.iter().filter(|one| !is_own(one));
    own.iter().chain(rest).cloned().collect()
}

/// Requests merge by what they do, header fields replace those of the profile whole.
fn switch(own: &SwitchNode, base: &SwitchNode) -> SwitchNode {
    let mut requests = own.requests.clone();
    let is_own = |one: &&RequestNode| own.requests.iter().any(|own| own.action == one.action);
    requests.extend(base.requests.iter().filter(|one| !is_own(one)).cloned());
    SwitchNode {
        requests,
        fields: match own.fields.is_empty() {
            true => base.fields.clone(),
            false => own.fields.clone(),
        },
        interface: own.interface.clone().or(base.interface.clone()),
        socket: own.socket.clone().or(base.socket.clone()),
        instruction: own.instruction.clone().or(base.instruction.clone()),
        within: own.within.clone().or(base.within.clone()),
    }
}

fn interfaces<'a>(
    own: &[LinkNode],
    inherited: impl Iterator<Item = &'a LinkNode>,
    out: &mut Faults,
) -> Vec<LinkNode> {
    let inherited: Vec<&LinkNode> = inherited.collect();
    let by_name: BTreeMap<_, _> = inherited
        .iter()
        .map(|link| (&link.name.value, *link))
        .collect();
    let own_names: BTreeSet<_> = own.iter().map(|link| &link.name.value).collect();
    let merged = own.iter().map(|link| match by_name.get(&link.name.value) {
        Some(base) => merge(link, base, out),
        None => link.clone(),
    });
    let rest = inherited
        .iter()
        .filter(|link| !own_names.contains(&link.name.value))
        .map(|link| (*link).clone());
    merged.chain(rest).collect()
}

fn merge(own: &LinkNode, base: &LinkNode, out: &mut Faults) -> LinkNode {
    let says_addresses = !own.addresses.is_empty() || own.has_faulty_address;
    let addresses = if says_addresses { own } else { base };
    LinkNode {
        name: own.name.clone(),
        shape: shape(own, base, out),
        mac: own.mac.clone().or(base.mac.clone()),
        identity: IdentityNode::merged(own.identity.as_deref(), base.identity.as_deref()),
        vlan: own.vlan.clone().or(base.vlan.clone()),
        mtu: own.mtu.clone().or(base.mtu.clone()),
        addresses: addresses.addresses.clone(),
        has_faulty_address: addresses.has_faulty_address,
        is_partial: own.is_partial || base.is_partial,
        settings: own.settings.clone(),
        protect: own.protect.clone().or_else(|| base.protect.clone()),
        span: own.span,
    }
}

fn shape(own: &LinkNode, base: &LinkNode, out: &mut Faults) -> LinkShape {
    use LinkShape::{Bond, Bridge, Dummy, Ethernet, Loopback, Tagged, Vrf};
    let list = |own: &Vec<Spanned<LinkName>>, base: &Vec<Spanned<LinkName>>| {
        if own.is_empty() {
            base.clone()
        } else {
            own.clone()
        }
    };
    match (&own.shape, &base.shape) {
        (Ethernet, Ethernet) | (Loopback, Loopback) => own.shape.clone(),
        (
            Bond {
                mode,
                ports,
                parameters,
            },
            Bond {
                mode: base_mode,
                ports: base_ports,
                parameters: inherited,
            },
        ) => Bond {
            mode: mode.clone().or(base_mode.clone()),
            ports: list(ports, base_ports),
            parameters: merged(parameters, inherited),
        },
        (
            Tagged { on, protocol },
            Tagged {
                on: inherited,
                protocol: base_protocol,
            },
        ) => Tagged {
            on: on.clone().or(inherited.clone()),
            protocol: protocol.clone().or(base_protocol.clone()),
        },
        (
            Bridge {
                kind,
                ports,
                stp,
                forward_delay,
                filter,
            },
            Bridge {
                kind: base_kind,
                ports: base_ports,
                stp: base_stp,
                forward_delay: base_delay,
                filter: base_filter,
            },
        ) => Bridge {
            kind: kind.clone().or(base_kind.clone()),
            ports: list(ports, base_ports),
            stp: stp.clone().or(base_stp.clone()),
            forward_delay: forward_delay.clone().or(base_delay.clone()),
            filter: filter.clone().or_else(|| base_filter.clone()),
        },
        (
            Ethernet | Bond { .. } | Tagged { .. } | Bridge { .. } | Loopback | Dummy | Vrf { .. },
            _,
        ) => {
            out.push(disagree(own, base));
            own.shape.clone()
        }
    }
}

/// Parameters of bonds merge by their names.
fn merged(own: &[BondSetting], base: &[BondSetting]) -> Vec<BondSetting> {
    let names: BTreeSet<_> = own.iter().map(|one| one.name.value).collect();
    let rest = base.iter().filter(|one| !names.contains(&one.name.value));
    own.iter().chain(rest).cloned().collect()
}

fn disagree(own: &LinkNode, base: &LinkNode) -> Diagnostic {
    let message = format!(
        "`{}` is declared as `{}` here and as `{}` in the profile",
        own.name.value,
        own.shape.word(),
        base.shape.word()
    );
    Diagnostic::new(Code::LinkKind, message)
        .label(own.name.span, "of this kind here")
        .label(base.name.span, "of another in the profile")
        .help("give it another name, or `remove` the profile's")
}
