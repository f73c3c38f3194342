//! What each place of the site says of DHCP options in so many words, also where a nearer one says otherwise. Knows nobody who is told.

use std::collections::BTreeMap;

use super::{Cataloguer, Source};
use crate::base::addr::{AddressRange, Prefix};
use crate::base::name::{HostName, Name};
use crate::base::vlan::VlanPath;
use crate::diag::span::Span;
use crate::lang::Slot;
use crate::lang::node::OptionNode;
use crate::site::resolve::OptionPlace;

/// What the places of a site say of DHCP options, each from the nearest to the farthest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SaidOptions {
    vlans: BTreeMap<VlanPath, VlanOptions>,
    subnets: BTreeMap<(VlanPath, Prefix), SubnetOptions>,
    profiles: BTreeMap<Name, Vec<SaidOption>>,
    /// Of machines that say some or have a profile that does: that profile, and their own.
    machines: BTreeMap<HostName, (Option<Name>, Vec<SaidOption>)>,
}

/// An option as one place says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidOption {
    pub code: u8,
    pub text: String,
    /// As seen from a machine.
    pub source: Source,
}

/// What the clients of a VLAN are told by it, the VLAN that it is relayed to, and the site.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct VlanOptions {
    options: Vec<SaidOption>,
    /// Of one name there is one class.
    classes: BTreeMap<Name, Vec<SaidOption>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct SubnetOptions {
    options: Vec<SaidOption>,
    ranges: BTreeMap<AddressRange, Vec<SaidOption>>,
}

impl SaidOptions {
    /// What a machine says itself, then its profile.
    pub fn of_machine(&self, host: &HostName) -> impl Iterator<Item = &SaidOption> {
        let machine = self.machines.get(host);
        let profile = machine.and_then(|(profile, _)| self.profiles.get(profile.as_ref()?));
        let own = machine.into_iter().flat_map(|(_, own)| own);
        own.chain(profile.into_iter().flatten())
    }

    pub fn of_class(&self, vlan: &VlanPath, class: &Name) -> impl Iterator<Item = &SaidOption> {
        let vlan = self.vlans.get(vlan);
        let said = vlan.and_then(|vlan| vlan.classes.get(class));
        said.into_iter().flatten()
    }

    pub fn of_range(
        &self,
        vlan: &VlanPath,
        subnet: Prefix,
        range: AddressRange,
    ) -> impl Iterator<Item = &SaidOption> {
        let subnet = self.subnets.get(&(vlan.clone(), subnet));
        let said = subnet.and_then(|subnet| subnet.ranges.get(&range));
        said.into_iter().flatten()
    }

    /// What a subnet says, then its VLAN and whoever the VLAN has options from.
    pub fn of_subnet(&self, vlan: &VlanPath, subnet: Prefix) -> impl Iterator<Item = &SaidOption> {
        let own = self.subnets.get(&(vlan.clone(), subnet));
        let own = own.into_iter().flat_map(|subnet| &subnet.options);
        let vlan = self.vlans.get(vlan).into_iter();
        own.chain(vlan.flat_map(|vlan| &vlan.options))
    }
}

impl Cataloguer<'_> {
    pub(super) fn said_options(&self) -> SaidOptions {
        let mut said = SaidOptions::default();
        // Nobody is told by a site that is refused.
        if !self.shows_inherited {
            return said;
        }
        for (index, vlan) in self.draft.vlans.iter().enumerate() {
            if vlan.node.dhcp.is_some() {
                said.vlans.insert(vlan.path.clone(), self.of_vlan(index));
            }
        }
        for (index, subnet) in self.draft.subnets.iter().enumerate() {
            let found = self.of_subnet(index);
            let vlan = self.draft.vlans.get(subnet.vlan);
            if let Some(vlan) = vlan.filter(|_| found != SubnetOptions::default()) {
                let key = (vlan.path.clone(), subnet.node.prefix.value);
                said.subnets.insert(key, found);
            }
        }
        for node in &self.draft.declarations.profiles {
            let source = |span| {
                let (profile, at) = (node.name.value.clone(), self.sources.origin(span));
                Some(Source::Profile { profile, at })
            };
            let options = said_by(&node.shape.options, source);
            if !options.is_empty() {
                said.profiles.insert(node.name.value.clone(), options);
            }
        }
        for node in &self.draft.declarations.machines {
            let profile = node.profile.value();
            let profile = profile.filter(|profile| said.profiles.contains_key(*profile));
            let source = |span| {
                let at = self.sources.origin(span);
                Some(Source::Here { at })
            };
            let own = said_by(&node.shape.options, source);
            if profile.is_some() || !own.is_empty() {
                let name = node.name.value.clone();
                said.machines.insert(name, (profile.cloned(), own));
            }
        }
        said
    }

    fn of_vlan(&self, vlan: usize) -> VlanOptions {
        let from = |place| move |span| self.place(place, span);
        let places = self.draft.option_places(vlan);
        let classes = self.draft.classes(vlan).into_iter();
        VlanOptions {
            options: places
                .flat_map(|(place, options)| said_by(options, from(place)))
                .collect(),
            classes: classes
                .map(|(place, class)| {
                    let options = said_by(&class.options, from(place));
                    (class.name.value.clone(), options)
                })
                .collect(),
        }
    }

    fn of_subnet(&self, index: usize) -> SubnetOptions {
        let Some(subnet) = self.draft.subnets.get(index) else {
            return SubnetOptions::default();
        };
        let source = |span| self.place(OptionPlace::Subnet(index), span);
        let pools = subnet.node.dynamic.iter();
        let pools = pools.filter(|pool| !pool.options.is_empty());
        SubnetOptions {
            options: said_by(&subnet.node.options, source),
            ranges: pools
                .map(|pool| (pool.range.value, said_by(&pool.options, source)))
                .collect(),
        }
    }
}

fn said_by(options: &[OptionNode], source: impl Fn(Span) -> Option<Source>) -> Vec<SaidOption> {
    let said = options.iter().filter_map(|option| {
        Some(SaidOption {
            code: option.code.value,
            text: Slot::value(&option.value)?.to_string(),
            source: source(option.span)?,
        })
    });
    said.collect()
}
