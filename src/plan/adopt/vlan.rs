//! Which of a site's VLANs a host's links and addresses are in. None is ever made up: where there is none, it is said what to declare.

use crate::base::addr::InterfaceAddr;
use crate::base::name::{LinkName, Name};
use crate::base::vlan::VlanPath;
use crate::lang::edit::quoted;
use crate::site::model::Site;

/// A VLAN as nodes of the site name it: by its own name where that is enough.
pub(super) fn reference(site: &Site, path: &VlanPath) -> String {
    let mut others = site.vlans.keys().filter(|other| other.vlan == path.vlan);
    let is_enough = others.all(|other| other == path);
    if is_enough {
        quoted(&path.vlan)
    } else {
        quoted(path)
    }
}

/// The VLAN with an id, in `fabric` where that is known.
pub(super) fn by_id(site: &Site, id: u16, fabric: Option<&Name>) -> Result<VlanPath, String> {
    let has = |path: &&VlanPath| fabric.is_none_or(|fabric| path.fabric == *fabric);
    let vlans = site.vlans.iter().filter(|(_, vlan)| vlan.id == Some(id));
    let mut found = vlans.map(|(path, _)| path).filter(has);
    let place = fabric.map_or_else(
        || "the site".to_owned(),
        |fabric| format!("the fabric `{fabric}`"),
    );
    match (found.next(), found.next()) {
        (Some(path), None) => Ok(path.clone()),
        (None, _) => {
            let fabric = fabric.map_or("…", |fabric| fabric.as_str());
            Err(format!(
                "{place} has no VLAN with the id {id}; declare it first: fabric \"{fabric}\" {{ vlan \"…\" id={id} }}"
            ))
        }
        (Some(path), Some(other)) => Err(format!(
            "the id {id} is that of {path} and of {other}; give the link below it the VLAN of its fabric, or declare this one yourself"
        )),
    }
}

/// The VLAN whose subnet an address of `link` is in: the link's own, else the only one.
pub(super) fn of_address(
    site: &Site,
    link: &LinkName,
    address: InterfaceAddr,
    own: Option<&VlanPath>,
) -> Result<VlanPath, String> {
    let (ip, prefix) = (address.ip(), address.prefix());
    let vlans = site.vlans.iter();
    let vlans = vlans.filter(|(path, _)| own.is_none_or(|own| own == *path));
    let mut found = vlans.filter_map(|(path, vlan)| Some((path, vlan.subnet_of(ip)?.0)));
    match (found.next(), found.next()) {
        (Some((_, subnet)), None) if subnet.length() != address.prefix_len() => Err(format!(
            "its prefix is {prefix}, and the site has the subnet {subnet} there: one of them is wrong"
        )),
        (Some((path, _)), None) => Ok(path.clone()),
        (Some((one, _)), Some((other, _))) => Err(format!(
            "{one} and {other} both have such a subnet; say which with vlan=\"…\" on the link `{link}`"
        )),
        (None, _) => Err(match own {
            Some(own) => format!(
                "it is in no subnet of the VLAN {own}; declare it there first: subnet \"{prefix}\""
            ),
            None => format!(
                "it is in no subnet of the site; declare subnet \"{prefix}\" in the VLAN of the link `{link}` first"
            ),
        }),
    }
}
