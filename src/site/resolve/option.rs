//! DHCP options that several places say: the nearest one wins. The one merge of them.

use super::{Draft, Plug};
use crate::lang::node::OptionNode;

/// A place that says options, seen from what they are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::site) enum OptionPlace {
    /// The machine itself, its profile among it.
    Machine,
    /// A subnet of the draft.
    Subnet(usize),
    /// A VLAN of the draft.
    Vlan(usize),
    /// A VLAN of the draft that serves by way of a relay agent.
    Relay(usize),
    Site,
}

/// What a place says.
pub(in crate::site) type Said<'n> = (OptionPlace, &'n [OptionNode]);

/// Of each option what the first of the places says: they come from the nearest to the farthest.
pub(in crate::site) fn nearest<'n>(
    places: impl IntoIterator<Item = Said<'n>>,
) -> Vec<(OptionPlace, &'n OptionNode)> {
    let mut is_said = [false; 256];
    let mut found = Vec::new();
    for (place, options) in places {
        for option in options {
            let said = is_said.get_mut(usize::from(option.code.value));
            if let Some(said) = said.filter(|said| !**said) {
                *said = true;
                found.push((place, option));
            }
        }
    }
    found
}

impl Draft<'_> {
    /// How much text the subnets of a VLAN have from others than themselves, written out for each.
    pub(in crate::site) fn told_by_vlan(&self, vlan: usize) -> usize {
        let node = self.vlans.get(vlan).map(|vlan| vlan.node);
        let Some((node, own)) = node.and_then(|node| Some((node, node.dhcp.as_ref()?))) else {
            return 0;
        };
        let theirs = match self.relays.get(vlan) {
            Some(Plug::Vlan(target)) => {
                let target = self.vlans.get(*target);
                target.and_then(|target| target.node.dhcp.as_ref())
            }
            Some(Plug::Nothing | Plug::Unknown) | None => None,
        };
        let site = self.declarations.sites.first();
        let everywhere = site.and_then(|site| site.dhcp.as_ref());
        let all = own.length + theirs.map_or(0, |dhcp| dhcp.length);
        let each = all + everywhere.map_or(0, |dhcp| dhcp.length);
        // A VLAN without subnets has them once itself.
        each.saturating_mul(node.subnets.len().max(1))
    }

    /// The same of all VLANs.
    pub(in crate::site) fn told_length(&self) -> usize {
        let vlans = 0..self.vlans.len();
        vlans.fold(0, |all: usize, vlan| {
            all.saturating_add(self.told_by_vlan(vlan))
        })
    }

    /// Who tells the clients of a VLAN, from the nearest to the farthest; nobody where DHCP is not served.
    pub(in crate::site) fn option_places(&self, vlan: usize) -> impl Iterator<Item = Said<'_>> {
        let dhcp = |vlan: usize| self.vlans.get(vlan)?.node.dhcp.as_ref();
        let own = dhcp(vlan);
        let relay = match self.relays.get(vlan) {
            Some(Plug::Vlan(target)) => Some(*target),
            Some(Plug::Nothing | Plug::Unknown) | None => None,
        };
        let theirs = relay.and_then(|target| Some((target, dhcp(target)?)));
        let site = self.declarations.sites.first();
        let site = site.and_then(|site| site.dhcp.as_ref());
        let own_place = own.map(|dhcp| (OptionPlace::Vlan(vlan), dhcp.options.as_slice()));
        let relayed =
            theirs.map(|(target, dhcp)| (OptionPlace::Relay(target), dhcp.options.as_slice()));
        let everywhere = site.map(|dhcp| (OptionPlace::Site, dhcp.options.as_slice()));
        let further = relayed.into_iter().chain(everywhere);
        own_place
            .into_iter()
            .chain(further.filter(move |_| own.is_some()))
    }

    /// Who tells the clients of a subnet, from the nearest to the farthest.
    pub(in crate::site) fn subnet_options(&self, subnet: usize) -> impl Iterator<Item = Said<'_>> {
        let draft = self.subnets.get(subnet);
        let own = draft.map(|draft| {
            let options = draft.node.options.as_slice();
            (OptionPlace::Subnet(subnet), options)
        });
        let vlan = draft.map(|draft| draft.vlan);
        own.into_iter()
            .chain(vlan.into_iter().flat_map(|vlan| self.option_places(vlan)))
    }
}
