//! Client classes that hold on a VLAN: its own, those of the VLAN that it is relayed to, the site's.

use std::collections::BTreeSet;

use super::{Draft, OptionPlace, Plug};
use crate::base::limit;
use crate::lang::node::ClassNode;

impl Draft<'_> {
    /// The classes that hold on a VLAN where DHCP is served, each with who says it, in the order in which they count. Of one name the
    /// nearest stands.
    pub(in crate::site) fn classes(&self, vlan: usize) -> Vec<(OptionPlace, &ClassNode)> {
        let dhcp = |vlan: usize| self.vlans.get(vlan)?.node.dhcp.as_ref();
        let Some(own) = dhcp(vlan) else {
            return Vec::new();
        };
        let mut places = vec![(OptionPlace::Vlan(vlan), own.classes.as_slice())];
        if let Some(Plug::Vlan(target)) = self.relays.get(vlan)
            && let Some(theirs) = dhcp(*target)
        {
            places.push((OptionPlace::Relay(*target), &theirs.classes));
        }
        let site = self.declarations.sites.first();
        if let Some(everywhere) = site.and_then(|site| site.dhcp.as_ref()) {
            places.push((OptionPlace::Site, &everywhere.classes));
        }
        let (mut names, mut found) = (BTreeSet::new(), Vec::new());
        for (place, classes) in places {
            // More than that are refused.
            let mut classes: Vec<&ClassNode> = classes.iter().take(limit::CLIENT_CLASSES).collect();
            classes.sort_by(|a, b| a.name.value.cmp(&b.name.value));
            let new = classes.into_iter();
            let new = new.filter(|class| names.insert(&class.name.value));
            found.extend(new.map(|class| (place, class)));
        }
        found
    }
}
