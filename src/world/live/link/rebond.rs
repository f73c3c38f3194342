//! Bonds that change: what the kernel does only to one that is down or without ports, and the hardware address that outlives its ports.

use std::collections::BTreeMap;

use netlink_packet_route::link::{InfoBond, InfoData, InfoKind, LinkAttribute};

use super::found::{Form, Found};
use super::make::{absent, attribute, change_kind, set, state};
use super::{Links, at, bond};
use crate::base::bond::{BondParameter, Needs};
use crate::base::mac::MacAddr;
use crate::base::name::LinkName;
use crate::state::{Bond, Key, LinkKind};
use crate::world::live::error::HostError;
use crate::world::live::netlink::Netlink;

/// Changes a bond's mode and parameters. What the kernel does only to one that is down, or without ports, is done so, and both are put back.
pub(super) async fn change(
    netlink: &mut Netlink,
    key: &Key,
    name: &LinkName,
    found: &mut Found,
    to: &Bond,
) -> Result<(), HostError> {
    let links = Links::read(netlink).await?;
    let Some(from) = bond_of(&links, found.index) else {
        return Err(absent("change", key, name));
    };
    let needs = to.needs(&from);
    if needs == Needs::Nothing && from == *to {
        return Ok(());
    }
    if needs > Needs::Nothing && found.up {
        set(netlink, "take down", key, state(found.index, false)).await?;
        found.up = false;
    }
    let is_port = |link: &&Found| link.port_of == Some(found.index) && needs == Needs::Empty;
    let ports: Vec<u32> = links
        .0
        .values()
        .filter(is_port)
        .map(|link| link.index)
        .collect();
    for port in &ports {
        let message = attribute(*port, LinkAttribute::Controller(0));
        set(netlink, "detach the ports of", key, message).await?;
    }
    let indexes = by_name(&links);
    if from.mode != to.mode {
        // What means nothing in the new mode would wait there for the next one, where nobody sees it.
        let idle = from.parameters.keys().copied();
        let idle = idle.filter(|one| !one.modes().contains(&to.mode));
        let idle = bond::attributes(to, idle, &indexes);
        if !idle.is_empty() {
            let data = InfoData::Bond(idle);
            change_kind(netlink, key, found.index, InfoKind::Bond, data).await?;
        }
        let mode = vec![InfoBond::Mode(to.mode.number().into())];
        change_kind(
            netlink,
            key,
            found.index,
            InfoKind::Bond,
            InfoData::Bond(mode),
        )
        .await?;
    }
    // With its mode a bond changes parameters by itself; what it has now is asked anew.
    let links = Links::read(netlink).await?;
    let mut now = bond_of(&links, found.index).unwrap_or_else(|| from.clone());
    // Which port it prefers nobody sees while that is none (`bond_fill_info`).
    if let Some(port) = from.parameters.get(&BondParameter::Primary)
        && BondParameter::Primary.modes().contains(&to.mode)
    {
        let primary = now.parameters.entry(BondParameter::Primary);
        primary.or_insert_with(|| port.clone());
    }
    let differing = bond::attributes(to, to.told(&now), &indexes);
    if !differing.is_empty() {
        let data = InfoData::Bond(differing);
        change_kind(netlink, key, found.index, InfoKind::Bond, data).await?;
    }
    reattach(netlink, key, found, to, &ports).await
}

/// Puts the ports back into a bond that let them go.
async fn reattach(
    netlink: &mut Netlink,
    key: &Key,
    found: &Found,
    kept: &Bond,
    ports: &[u32],
) -> Result<(), HostError> {
    if let Some(mac) = found.mac.filter(|_| !ports.is_empty()) {
        keep_mac(netlink, key, found.index, kept, mac).await?;
    }
    for port in ports {
        // A bond takes in only what is down; whether it has closed what it let go depends on the kernel.
        set(netlink, "take down the ports of", key, state(*port, false)).await?;
        let message = attribute(*port, LinkAttribute::Controller(found.index));
        set(netlink, "attach the ports of", key, message).await?;
    }
    Ok(())
}

/// Gives a bond that lost its last port the hardware address that it had: it drew another by lot, and would take that of whichever port
/// comes next (`__bond_release_one`, `bond_enslave`).
///
/// # Errors
/// [`HostError`].
pub(super) async fn left(
    netlink: &mut Netlink,
    key: &Key,
    before: &Found,
) -> Result<(), HostError> {
    let Form::Bond { mode, values } = &before.form else {
        return Ok(());
    };
    let Some(mac) = before.mac.filter(|_| before.marked) else {
        return Ok(());
    };
    let now = at(netlink, "detach", key, before.index).await?;
    if now.is_none_or(|now| now.mac == Some(mac)) {
        return Ok(());
    }
    let kept = bond::named(*mode, values, |_| None);
    keep_mac(netlink, key, before.index, &kept, mac).await
}

/// Sets the hardware address of a bond without ports. One whose address and its ports' depend on each other takes none, and says so to
/// nobody (`bond_set_mac_address`): it is told that they do not for as long.
async fn keep_mac(
    netlink: &mut Netlink,
    key: &Key,
    index: u32,
    kept: &Bond,
    mac: MacAddr,
) -> Result<(), HostError> {
    if kept.has_mac_of_port() {
        return Ok(());
    }
    let kind = InfoKind::Bond;
    if kept.holds_mac() {
        let none = InfoData::Bond(vec![InfoBond::FailOverMac(0.into())]);
        change_kind(netlink, key, index, kind.clone(), none).await?;
    }
    let message = attribute(index, LinkAttribute::Address(mac.0.to_vec()));
    set(netlink, "keep the hardware address of", key, message).await?;
    if kept.holds_mac() {
        let own = bond::attributes(kept, [BondParameter::FailOverMac], &BTreeMap::new());
        change_kind(netlink, key, index, kind, InfoData::Bond(own)).await?;
    }
    Ok(())
}

fn bond_of(links: &Links, index: u32) -> Option<Bond> {
    let found = links.0.get(&index)?;
    match links.kind(&found.form) {
        LinkKind::Bond(bond) => Some(bond),
        LinkKind::Physical
        | LinkKind::Loopback
        | LinkKind::Tagged(_)
        | LinkKind::Bridge(_)
        | LinkKind::Dummy
        | LinkKind::Vrf(_) => None,
    }
}

fn by_name(links: &Links) -> BTreeMap<LinkName, u32> {
    let names = links.0.keys();
    names
        .filter_map(|index| Some((links.name(*index)?, *index)))
        .collect()
}
