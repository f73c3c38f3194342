//! Addresses that are not written out: which subnet `auto` allocates from, and what the lock holds for it.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::{AddressTraits, Placed, Plug, SubnetDraft};
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName};
use crate::diag::code::Code;
use crate::diag::report::{Diagnostic, Faults};
use crate::diag::span::Span;
use crate::lang::node::{AddressNode, LinkNode};
use crate::lang::{Gaps, LockEntry, Slot};

/// An address that an interface asks the lock for.
#[derive(Debug, Clone)]
pub(in crate::site) struct Wish<'a> {
    pub(in crate::site) host: &'a HostName,
    pub(in crate::site) link: LinkName,
    pub(in crate::site) subnet: usize,
    /// Where it is asked for.
    pub(in crate::site) span: Span,
    /// The entry of the lock, under the host's own name.
    pub(in crate::site) entry: Option<usize>,
}

/// The lock's entries by what they are for.
pub(super) struct Locked<'a> {
    entries: &'a [LockEntry],
    by_key: HashMap<(&'a HostName, &'a LinkName, Prefix), usize>,
}

impl<'a> Locked<'a> {
    /// An entry that stands twice is reported; the lowest address counts.
    pub(super) fn new(entries: &'a [LockEntry], out: &mut Faults) -> Self {
        let mut by_key: HashMap<_, usize> = HashMap::with_capacity(entries.len());
        let mut others: HashSet<_> = HashSet::new();
        for (index, entry) in entries.iter().enumerate() {
            let key = (&entry.host, &entry.link, entry.subnet);
            let Some(first) = by_key.get(&key).and_then(|first| entries.get(*first)) else {
                by_key.insert(key, index);
                continue;
            };
            // Two equal lines are one line that a merge took from both sides.
            others.insert((key, first.address.value));
            if others.insert((key, entry.address.value)) {
                if entry.address.value < first.address.value {
                    by_key.insert(key, index);
                }
                let message = format!(
                    "`{}` has two addresses in {} locked",
                    entry.host, entry.subnet
                );
                out.push(
                    Diagnostic::new(Code::LockEntry, message)
                        .label(entry.span, "locked again here")
                        .label(first.span, "first locked here")
                        .help("remove the one that is not in use"),
                );
            }
        }
        Self { entries, by_key }
    }

    pub(super) fn find(&self, host: &HostName, link: &LinkName, subnet: Prefix) -> Option<usize> {
        self.by_key.get(&(host, link, subnet)).copied()
    }

    /// Where an entry's address is written, and the address.
    pub(super) fn address(&self, entry: usize) -> Option<(IpAddr, Span)> {
        let entry = self.entries.get(entry)?;
        Some((entry.address.value, entry.address.span))
    }
}

/// Subnets by the VLAN that they are in.
pub(super) struct ByVlan {
    subnets: Vec<Vec<usize>>,
}

impl ByVlan {
    pub(super) fn new(vlans: usize, subnets: &[SubnetDraft<'_>]) -> Self {
        let mut by_vlan = vec![Vec::new(); vlans];
        for (index, subnet) in subnets.iter().enumerate() {
            if let Some(of_vlan) = by_vlan.get_mut(subnet.vlan) {
                of_vlan.push(index);
            }
        }
        Self { subnets: by_vlan }
    }

    /// The subnet that an automatic address is taken from; what keeps it from being told is reported.
    pub(super) fn auto(
        &self,
        link: &LinkNode,
        plug: Plug,
        address: &AddressNode,
        subnets: &[SubnetDraft<'_>],
        gaps: &Gaps,
    ) -> Result<Option<usize>, Diagnostic> {
        let fault = |message: String, label: &str| {
            Diagnostic::new(Code::AutoSubnet, message).label(address.span, label)
        };
        let vlan = match plug {
            Plug::Unknown => return Ok(None),
            Plug::Nothing => {
                let message = format!(
                    "the link `{}` has no vlan to allocate from",
                    link.name.value
                );
                let fault = fault(message, "no subnet to allocate from");
                return Err(fault.help("add vlan=\"…\" to the link"));
            }
            Plug::Vlan(vlan) => vlan,
        };
        let prefix = |subnet: &usize| subnets.get(*subnet).map(|one| one.node.prefix.value);
        let own: &[usize] = self.subnets.get(vlan).map_or(&[], Vec::as_slice);
        let listed = || listed(own.iter().filter_map(prefix));
        match &address.subnet {
            Slot::Faulty => Ok(None),
            Slot::Given(wanted) => match own.iter().find(|one| prefix(one) == Some(wanted.value)) {
                Some(found) => Ok(Some(*found)),
                None if gaps.may_hide(&["subnet"]) => Ok(None),
                None => {
                    let message = format!("the vlan has no subnet {}", wanted.value);
                    let fault = Diagnostic::new(Code::AutoSubnet, message);
                    Err(fault
                        .label(wanted.span, "not in this vlan")
                        .help(format!("it has {}", listed())))
                }
            },
            Slot::Absent => {
                let is_v4 = |one: &&usize| subnets.get(**one).is_some_and(SubnetDraft::is_v4);
                let of_family: Vec<usize> = match own.iter().filter(is_v4).count() {
                    0 => own.to_vec(),
                    _ => own.iter().filter(is_v4).copied().collect(),
                };
                match of_family.as_slice() {
                    [only] => Ok(Some(*only)),
                    [] if gaps.may_hide(&["subnet"]) => Ok(None),
                    [] => Err(fault(
                        "the vlan has no subnet to allocate from".to_owned(),
                        "nothing to allocate from",
                    )
                    .help("declare a subnet of the vlan")),
                    _ => Err(fault(
                        "`auto` does not say which subnet of the vlan".to_owned(),
                        "which subnet?",
                    )
                    .help(format!("add subnet=\"…\" with one of {}", listed()))),
                }
            }
        }
    }
}

/// A few of the subnets that there are.
fn listed(prefixes: impl Iterator<Item = Prefix>) -> String {
    let mut few: Vec<String> = prefixes.take(FEW + 1).map(|one| one.to_string()).collect();
    if few.len() > FEW {
        few.truncate(FEW);
        few.push("…".to_owned());
    }
    few.join(", ")
}

/// As many subnets as a help line lists.
const FEW: usize = 6;

/// An address as the lock has it.
pub(super) fn placed(ip: IpAddr, span: Span, subnet: usize, asked: &AddressNode) -> Placed {
    Placed {
        ip,
        length: None,
        span,
        is_locked: true,
        traits: AddressTraits::of(asked.flags.as_deref()),
        subnet: Some(subnet),
    }
}
