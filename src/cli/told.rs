//! How `show` writes what a machine is told over DHCP. Decides nothing of it.

use super::table::Table;
use crate::site::catalog::{Catalog, ObjectKey};
use crate::site::model::Site;
use crate::state::{OptionPart, OptionStanding, OptionWord, Told, told};

/// What the interfaces of a machine are told, or one of them where it is the object.
pub(super) fn told_to(key: &ObjectKey, site: &Site, catalog: &Catalog) -> Vec<Told> {
    match key {
        ObjectKey::Machine(host) => told(site, catalog, host, None),
        ObjectKey::MachineLink(host, link) => told(site, catalog, host, Some(link)),
        ObjectKey::Site
        | ObjectKey::Space(_)
        | ObjectKey::Fabric(_)
        | ObjectKey::Vlan(_)
        | ObjectKey::Subnet(..)
        | ObjectKey::Route(..)
        | ObjectKey::Record(_)
        | ObjectKey::Image(_)
        | ObjectKey::Controller(_)
        | ObjectKey::ControllerLink(..)
        | ObjectKey::ControllerRoute(..)
        | ObjectKey::ControllerRule(..)
        | ObjectKey::Profile(_)
        | ObjectKey::ProfileLink(..)
        | ObjectKey::ProfileBmc(_)
        | ObjectKey::MachineBmc(_) => Vec::new(),
    }
}

/// The head of what is told in one subnet.
pub(super) fn title(told: &Told) -> String {
    let Told {
        link,
        vlan,
        subnet,
        address,
        options: _,
    } = told;
    match address {
        Some(address) => format!("dhcp options of {link} in {vlan}, with {address}"),
        None => format!("dhcp options of {link} in {vlan}, with an address of {subnet}"),
    }
}

pub(super) fn table(told: &Told) -> Table {
    let mut table = Table::default();
    for word in &told.options {
        let OptionWord {
            code: _,
            name,
            text,
            part,
            standing,
            source,
        } = word;
        let part = part.iter().map(|part| match part {
            OptionPart::ClientClass(name) => format!(" in client-class {name}"),
            OptionPart::DynamicRange(range) => format!(" in {range}"),
        });
        let standing = match standing {
            OptionStanding::Told => String::new(),
            OptionStanding::When { condition } => format!("when {condition}"),
            OptionStanding::Overridden => "overridden".to_owned(),
            OptionStanding::Withheld { because } => format!("withheld: {because}"),
        };
        let text = format!("{text}{}", part.collect::<String>());
        table.row([name.clone(), text, source.words(), standing]);
    }
    table
}
