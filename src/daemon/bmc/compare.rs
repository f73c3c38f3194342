//! What a machine is made of, held against what the site says of it: its network ports and its UUID. Knows no BMC.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::super::in_force::{MachineCard, Says};
use super::super::who::now;
use crate::base::bmc::Inventory;
use crate::base::identity::Uuid;
use crate::base::mac::MacAddr;
use crate::base::moment::Moment;
use crate::base::name::{HostName, LinkName};

/// One thing that the site and the machine do not agree on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InventoryDifference {
    /// The machine has a port that the site does not know.
    UnknownPort { port: String, mac: MacAddr },
    /// The site gives a link a hardware address that no port of the machine has.
    NoSuchPort { link: LinkName, mac: MacAddr },
    /// The machine calls itself otherwise.
    Uuid { site: String, machine: String },
}

/// A machine that is not what the site says, by what its BMC told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineDrift {
    pub machine: HostName,
    /// When it was looked at.
    pub at: Moment,
    pub differences: Vec<InventoryDifference>,
}

/// What was seen of a machine, as far as the site has a word on it.
struct Seen {
    at: Moment,
    ports: Vec<(String, MacAddr)>,
    uuid: Option<String>,
}

/// What was seen of machines since the daemon began, the latest of each.
#[derive(Clone, Default)]
pub(super) struct Looks(Arc<Mutex<BTreeMap<HostName, Seen>>>);

impl Looks {
    /// Keeps what was seen of a machine; how it differs from the site.
    pub(super) fn keep(
        &self,
        machine: &HostName,
        inventory: &Inventory,
        says: &Says,
    ) -> Vec<InventoryDifference> {
        let ports = inventory.ports.iter();
        let ports = ports.filter_map(|port| Some((port.name.clone(), port.mac?)));
        let seen = Seen {
            at: now(),
            ports: ports.collect(),
            uuid: inventory.uuid.clone(),
        };
        let card = says.machines.get(machine).filter(|card| card.is_in_site);
        let told = card.map_or_else(Vec::new, |card| differences(card, &seen));
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        looks.insert(machine.clone(), seen);
        told
    }

    /// How the machines that were seen differ from what the site says now. Those that it has no more are forgotten.
    pub(super) fn drift(&self, says: &Says) -> Vec<MachineDrift> {
        let mut looks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_in_site = |card: &MachineCard| card.is_in_site;
        looks.retain(|machine, _| says.machines.get(machine).is_some_and(is_in_site));
        let all = looks.iter().filter_map(|(machine, seen)| {
            let differences = differences(says.machines.get(machine)?, seen);
            (!differences.is_empty()).then(|| MachineDrift {
                machine: machine.clone(),
                at: seen.at,
                differences,
            })
        });
        all.collect()
    }
}

fn differences(card: &MachineCard, seen: &Seen) -> Vec<InventoryDifference> {
    let mut told = Vec::new();
    if let Some((site, machine)) = card.uuid.zip(seen.uuid.as_ref())
        && !is_same(site, machine)
    {
        told.push(InventoryDifference::Uuid {
            site: site.to_string(),
            machine: machine.clone(),
        });
    }
    // A BMC that tells of no ports, as none does by IPMI, says nothing of them.
    if seen.ports.is_empty() {
        return told;
    }
    let known: BTreeSet<MacAddr> = card.macs.values().flatten().copied().collect();
    let there: BTreeSet<MacAddr> = seen.ports.iter().map(|(_, mac)| *mac).collect();
    let unknown = seen.ports.iter().filter(|(_, mac)| !known.contains(mac));
    told.extend(unknown.map(|(port, mac)| InventoryDifference::UnknownPort {
        port: port.clone(),
        mac: *mac,
    }));
    let links = card
        .macs
        .iter()
        .filter_map(|(link, mac)| Some((link, (*mac)?)));
    let gone = links.filter(|(_, mac)| !there.contains(mac));
    told.extend(gone.map(|(link, mac)| InventoryDifference::NoSuchPort {
        link: link.clone(),
        mac,
    }));
    told
}

/// Whether a machine's own word is this UUID, in either order of its first fields; what cannot be read is no other.
fn is_same(site: Uuid, machine: &str) -> bool {
    let told: Option<Uuid> = machine.parse().ok();
    told.filter(|told| !told.is_blank())
        .is_none_or(|told| site.machine_ids().contains(&told.machine_ids()[0]))
}

impl fmt::Display for InventoryDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // Some BMCs have no other name for it.
            Self::UnknownPort { port, mac } if port.parse() == Ok(*mac) => {
                write!(f, "the site does not know the port {mac}")
            }
            Self::UnknownPort { port, mac } => write!(
                f,
                "port {} has {mac}, which the site does not know",
                port.escape_debug()
            ),
            Self::NoSuchPort { link, mac } => {
                write!(
                    f,
                    "{link} is {mac} in the site, and no port that the BMC tells of"
                )
            }
            Self::Uuid { site, machine } => write!(
                f,
                "the machine's UUID is {}, and {site} in the site",
                machine.escape_debug()
            ),
        }
    }
}

impl InventoryDifference {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::UnknownPort { mac, .. } => {
                format!("if it is used, write into the machine: ethernet \"…\" mac=\"{mac}\"")
            }
            Self::NoSuchPort { .. } => {
                "if a card was replaced, write the MAC of the new one; until then DHCP does not know it"
                    .to_owned()
            }
            Self::Uuid { machine, .. } => format!(
                "if a board was replaced, write uuid=\"{}\"; else see whether this is the BMC of another machine",
                machine.escape_debug()
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: MacAddr = MacAddr([2, 0, 0, 0, 0, 1]);
    const OTHER: MacAddr = MacAddr([2, 0, 0, 0, 0, 2]);
    const UUID: &str = "4c4c4544-0042-3510-8052-b4c04f564d31";

    fn check(site: &[(&str, Option<MacAddr>)], seen: Seen, expected: &[&str]) {
        let card = MachineCard {
            uuid: Some(UUID.parse().unwrap()),
            macs: site
                .iter()
                .map(|(link, mac)| (link.parse().unwrap(), *mac))
                .collect(),
            ..MachineCard::default()
        };
        let told: Vec<String> = differences(&card, &seen)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(told, expected);
    }

    fn seen(ports: &[(&str, MacAddr)]) -> Seen {
        let ports = ports.iter().map(|(port, mac)| ((*port).to_owned(), *mac));
        Seen {
            at: Moment(0),
            ports: ports.collect(),
            uuid: None,
        }
    }

    #[test]
    fn what_either_side_does_not_know_is_told() {
        let site = [("eth0", Some(ONE)), ("eth1", None)];
        check(&site, seen(&[("NIC.1", ONE)]), &[]);
        check(&site, seen(&[]), &[]);
        let (unknown, gone) = (
            "port NIC.1 has 02:00:00:00:00:02, which the site does not know",
            "eth0 is 02:00:00:00:00:01 in the site, and no port that the BMC tells of",
        );
        check(&site, seen(&[("NIC.1", OTHER)]), &[unknown, gone]);
        let unnamed = "the site does not know the port 02:00:00:00:00:02";
        for name in ["02:00:00:00:00:02", "02-00-00-00-00-02"] {
            check(&site, seen(&[(name, OTHER)]), &[unnamed, gone]);
        }
    }

    #[test]
    fn a_uuid_is_the_same_in_either_order() {
        for (uuid, is_same) in [
            (UUID, true),
            ("4C4C4544-0042-3510-8052-B4C04F564D31", true),
            ("44454c4c-4200-1035-8052-b4c04f564d31", true),
            ("00000000-0000-0000-0000-000000000000", true),
            ("none", true),
            ("4c4c4544-0042-3510-8052-b4c04f564d32", false),
        ] {
            let told = format!("the machine's UUID is {uuid}, and {UUID} in the site");
            let expected = if is_same { vec![] } else { vec![told.as_str()] };
            let seen = Seen {
                uuid: Some(uuid.to_owned()),
                ..seen(&[])
            };
            check(&[], seen, &expected);
        }
    }
}
