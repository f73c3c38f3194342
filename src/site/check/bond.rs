//! Parameters of bonds: each means something in its mode, and none contradicts another.

use std::collections::BTreeSet;

use crate::base::bond::{BondMode, BondParameter};
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Spanned;
use crate::lang::Slot;
use crate::lang::node::{BondSetting, LinkShape};
use crate::site::resolve::Draft;

pub(super) fn check(draft: &Draft<'_>, out: &mut Faults) {
    for link in draft.hosts.iter().flat_map(|host| &host.links) {
        let LinkShape::Bond {
            mode,
            ports,
            parameters,
        } = &link.node.shape
        else {
            continue;
        };
        if let Some(mode) = mode.given() {
            let idle = parameters
                .iter()
                .filter(|one| !one.name.value.modes().contains(&mode.value));
            out.extend(idle.map(|parameter| useless(mode, parameter)));
        }
        contradictions(ports, parameters, out);
        if mode.value() == Some(&BondMode::ActiveBackup) {
            out.extend(borrowed_mac(&link.node.mac, parameters));
        }
    }
}

fn useless(mode: &Spanned<BondMode>, parameter: &BondSetting) -> Diagnostic {
    let modes = parameter.name.value.modes().iter();
    let modes: Vec<_> = modes.map(|mode| mode.as_str()).collect();
    let message = format!(
        "`{}` means nothing in the mode {}",
        parameter.name.value, mode.value
    );
    Diagnostic::new(Code::BondParameterIdle, message)
        .label(parameter.name.span, "the kernel ignores or refuses this")
        .label(mode.span, "the bond's mode")
        .help(format!("it is for {}", modes.join(", ")))
}

/// A hardware address for a bond that has that of its active port, whatever it is given (`bond_set_mac_address`, `bond_do_fail_over_mac`).
fn borrowed_mac(mac: &Slot<MacAddr>, parameters: &[BondSetting]) -> Option<Diagnostic> {
    let mac = mac.given()?;
    let mut parameters = parameters.iter();
    let says = parameters.find(|one| one.name.value == BondParameter::FailOverMac)?;
    let whose = says.value.given()?;
    (whose.value == "active").then(|| {
        let message = "a bond that has the hardware address of its active port has none of its own";
        Diagnostic::new(Code::BondParameter, message)
            .label(mac.span, "the kernel ignores this")
            .label(whose.span, "since the active port's is the bond's")
            .help("remove `mac`, or say fail-over-mac \"follow\": the active port then takes the bond's")
    })
}

/// Most addresses that a bond asks by ARP (the kernel's `BOND_MAX_ARP_TARGETS`).
const ARP_TARGETS: usize = 16;

fn contradictions(ports: &[Spanned<LinkName>], parameters: &[BondSetting], out: &mut Faults) {
    let find = |parameter| parameters.iter().find(|one| one.name.value == parameter);
    let fault = |message: String, one: &BondSetting, help: &str| {
        Diagnostic::new(Code::BondParameter, message)
            .label(one.name.span, "here")
            .help(help)
    };
    if let (Some(arp), Some(mii)) = (
        find(BondParameter::ArpInterval),
        find(BondParameter::MiiInterval),
    ) {
        let message = "a bond watches its ports by ARP or by their carrier, not by both".to_owned();
        let other = fault(message, arp, "keep `arp-interval` or `mii-interval`");
        out.push(other.label(mii.name.span, "and here"));
    }
    for (one, other) in [
        (BondParameter::ArpInterval, BondParameter::ArpTargets),
        (BondParameter::ArpTargets, BondParameter::ArpInterval),
        (BondParameter::ArpValidate, BondParameter::ArpInterval),
    ] {
        if let (Some(given), None) = (find(one), find(other)) {
            let message = format!("`{one}` needs `{other}`");
            out.push(fault(
                message,
                given,
                &format!("add {other}, or remove {one}"),
            ));
        }
    }
    if let Some(targets) = find(BondParameter::ArpTargets)
        && let Slot::Given(addresses) = &targets.value
    {
        let addresses: Vec<&str> = addresses.value.split(',').collect();
        let distinct: BTreeSet<&str> = addresses.iter().copied().collect();
        if distinct.len() < addresses.len() {
            let message = "a bond asks an address once".to_owned();
            out.push(fault(message, targets, "keep one of each address"));
        }
        if distinct.len() > ARP_TARGETS {
            let message = format!("a bond asks at most {ARP_TARGETS} addresses");
            out.push(fault(message, targets, "keep the nearest of them"));
        }
    }
    if let Some(primary) = find(BondParameter::Primary)
        && let Slot::Given(name) = &primary.value
        && !ports.is_empty()
        && !ports.iter().any(|port| port.value.as_str() == name.value)
    {
        let message = format!("the primary port `{}` is no port of the bond", name.value);
        out.push(fault(message, primary, "name one of its ports"));
    }
}
