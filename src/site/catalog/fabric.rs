//! Fabrics, VLANs with their DHCP, and subnets.

use super::pen::Pen;
use super::{Cataloguer, ObjectKey, Relation, Source};
use crate::base::limit::MTU_DEFAULT;
use crate::base::percent::Percent;
use crate::base::policy::DhcpPolicy;
use crate::diag::span::{Span, Spanned};
use crate::lang::Slot;
use crate::lang::node::{
    BoundsNode, DhcpNode, DnsServer, FabricNode, PoolNode, RangeNode, SubnetNode, VlanNode,
};
use crate::site::build::LEASE_TIME;
use crate::site::resolve::{OptionPlace, Plug, Said, VlanDraft, nearest};

/// A bound that a VLAN's DHCP may set.
type Bound = fn(&BoundsNode) -> &Slot<u32>;

const BOUNDS: [(&str, Bound); 3] = [
    ("leases-per-circuit", |bounds| &bounds.leases_per_circuit),
    ("rate-per-client", |bounds| &bounds.rate_per_client),
    ("rate-per-circuit", |bounds| &bounds.rate_per_circuit),
];

impl Cataloguer<'_> {
    pub(super) fn fabrics(&mut self) {
        let draft = self.draft;
        for node in &draft.declarations.fabrics {
            let FabricNode {
                name,
                isolated,
                vlans: _,
            } = node;
            let mut pen = self.pen("fabric", name.span);
            pen.flag("isolated", isolated, false);
            self.add(ObjectKey::Fabric(name.value.clone()), pen.done());
        }
        for (index, vlan) in draft.vlans.iter().enumerate() {
            self.vlan(index, vlan);
        }
        for (index, subnet) in draft.subnets.iter().enumerate() {
            self.subnet(index, subnet.vlan, subnet.node);
        }
    }

    fn vlan(&mut self, index: usize, vlan: &VlanDraft<'_>) {
        let VlanNode {
            name,
            id,
            mtu,
            space,
            dhcp,
            subnets: _,
            protect,
        } = vlan.node;
        let key = ObjectKey::Vlan(vlan.path.clone());
        let mut pen = self.pen("vlan", name.span);
        pen.slot_or("id", id, "untagged");
        pen.slot_or("mtu", mtu, MTU_DEFAULT);
        pen.slot("space", space);
        pen.part_of(Relation::In, &key);
        pen.refer_slot(Relation::Space, space, ObjectKey::Space);
        if let Some(node) = dhcp {
            self.dhcp(index, node, &mut pen);
        }
        pen.protect(protect.as_ref());
        self.add(key, pen.done());
    }

    /// DHCP on a VLAN. Of a relayed one, what it does not say itself is its servers' VLAN's.
    fn dhcp(&self, vlan: usize, node: &DhcpNode, pen: &mut Pen<'_>) {
        let DhcpNode {
            controllers,
            relay_to,
            lease_time,
            least_lease_time: _,
            boot_lease_time: _,
            offer_time: _,
            quarantine_time: _,
            image,
            // In force are others besides.
            options: _,
            classes: _,
            // In force with what the servers' VLAN says.
            authoritative: _,
            identity: _,
            proxy: _,
            probe: _,
            bounds: _,
            thresholds,
            unknown_clients: _,
            is_partial: _,
            length: _,
            span: _,
        } = node;
        let serving = match self.draft.relays.get(vlan) {
            Some(Plug::Vlan(target)) => self.draft.vlans.get(*target),
            Some(Plug::Nothing | Plug::Unknown) | None => None,
        };
        pen.list("controllers", controllers);
        for name in controllers {
            let key = ObjectKey::Controller(name.value.clone());
            pen.refer_at(Relation::ServedBy, key, name.span);
        }
        if let (Some(to), Some(target)) = (relay_to.given(), serving) {
            pen.written("relay-to", &target.path, to.span);
            let key = ObjectKey::Vlan(target.path.clone());
            pen.refer_at(Relation::RelayedTo, key, to.span);
        }
        let relayed = serving.and_then(|target| Some((target, target.node.dhcp.as_deref()?)));
        if let Some((target, theirs)) = relayed
            && let Some(first) = theirs.controllers.first()
        {
            let names = theirs.controllers.iter().map(|one| one.value.to_string());
            let source = self.relay(target, first.span);
            pen.value("controllers", names.collect::<Vec<_>>().join(" "), source);
        }
        match self.in_force(pen, lease_time, relayed, |theirs| &theirs.lease_time) {
            Some((time, source)) => pen.value("lease-time", time, source),
            None => pen.value("lease-time", LEASE_TIME, Source::Default),
        }
        self.policy(node, relayed, pen);
        pen.list("thresholds", thresholds);
        if let Some((name, source)) = self.in_force(pen, image, relayed, |theirs| &theirs.image) {
            pen.value("image", name, source.clone());
            pen.refer(Relation::Boots, ObjectKey::Image(name.clone()), source);
        }
        let own = OptionPlace::Vlan(vlan);
        self.options_in_force(self.draft.option_places(vlan), own, pen);
        let classes = self.draft.classes(vlan).into_iter();
        for (place, class) in classes.filter(|(place, _)| *place == own || self.shows_inherited) {
            if place == own {
                let source = pen.source(class.span);
                pen.class(class, source);
            } else if let Some(source) = self.place(place, class.span) {
                pen.class(class, source);
            }
        }
    }

    /// How clients are taken, in the order in which people look for it.
    fn policy(
        &self,
        node: &DhcpNode,
        relayed: Option<(&VlanDraft<'_>, &DhcpNode)>,
        pen: &mut Pen<'_>,
    ) {
        let own = DhcpPolicy::default();
        let flag = |flag: bool| format!("#{flag}");
        let said = self.in_force(pen, &node.authoritative, relayed, |one| &one.authoritative);
        let said = said.map(|(said, source)| (flag(*said), source));
        pen.told("authoritative", said, flag(own.authoritative));
        let said = self.in_force(pen, &node.identity, relayed, |one| &one.identity);
        pen.told("identity", said, &own.identity);
        let (least, boot) = (&node.least_lease_time, &node.boot_lease_time);
        let said = self.in_force(pen, least, relayed, |one| &one.least_lease_time);
        pen.told("least-lease-time", said, &own.least_lease_time);
        let said = self.in_force(pen, boot, relayed, |one| &one.boot_lease_time);
        let said = said.map(|(said, source)| (said.to_string(), source));
        pen.told("boot-lease-time", said, "as lease-time".to_owned());
        let said = self.in_force(pen, &node.offer_time, relayed, |one| &one.offer_time);
        pen.told("offer-time", said, &own.offer_time);
        let quarantine = &node.quarantine_time;
        let said = self.in_force(pen, quarantine, relayed, |one| &one.quarantine_time);
        pen.told("quarantine-time", said, &own.quarantine_time);
        let unknown = &node.unknown_clients;
        let said = self.in_force(pen, unknown, relayed, |one| &one.unknown_clients);
        pen.told("unknown-clients", said, &own.unknown_clients);
        let said = self.in_force(pen, &node.probe, relayed, |one| &one.probe);
        pen.told("probe", said, &own.probe);
        // Rare, and so told where somebody says it.
        let said = self.in_force(pen, &node.proxy, relayed, |one| &one.proxy);
        if let Some((said, source)) = said {
            pen.value("proxy", flag(*said), source);
        }
        for (name, bound) in BOUNDS {
            let own = bound(&node.bounds);
            if let Some((said, source)) = self.in_force(pen, own, relayed, |one| bound(&one.bounds))
            {
                pen.value(name, said, source);
            }
        }
    }

    /// The options that hold for an object, each from the place that says it; `own` is the object's.
    fn options_in_force<'d>(
        &self,
        places: impl IntoIterator<Item = Said<'d>>,
        own: OptionPlace,
        pen: &mut Pen<'_>,
    ) {
        let is_shown = |place: OptionPlace| place == own || self.shows_inherited;
        let places = places.into_iter().filter(|(place, _)| is_shown(*place));
        for (place, option) in nearest(places) {
            if place == own {
                let source = pen.source(option.span);
                pen.option(option, source);
            } else if let Some(source) = self.place(place, option.span) {
                pen.option(option, source);
            }
        }
    }

    /// Where an object has from what another place says; what the machine says is shown with the machine.
    pub(super) fn place(&self, place: OptionPlace, span: Span) -> Option<Source> {
        let at = self.sources.origin(span);
        let path = |vlan: usize| Some(self.draft.vlans.get(vlan)?.path.clone());
        Some(match place {
            OptionPlace::Machine => return None,
            OptionPlace::Subnet(subnet) => Source::Subnet {
                subnet: self.draft.prefix(subnet)?,
                at,
            },
            OptionPlace::Vlan(vlan) => Source::Vlan {
                vlan: path(vlan)?,
                at,
            },
            OptionPlace::Relay(vlan) => Source::Relay {
                vlan: path(vlan)?,
                at,
            },
            OptionPlace::Site => Source::Site { at },
        })
    }

    /// A value of a VLAN's DHCP, else that of the VLAN which it is relayed to.
    fn in_force<'d, T>(
        &self,
        pen: &Pen<'_>,
        own: &'d Slot<T>,
        relayed: Option<(&VlanDraft<'_>, &'d DhcpNode)>,
        theirs: impl FnOnce(&'d DhcpNode) -> &'d Slot<T>,
    ) -> Option<(&'d T, Source)> {
        if let Some(given) = own.given() {
            return Some((&given.value, pen.source(given.span)));
        }
        let (target, node) = relayed?;
        let given = theirs(node).given()?;
        Some((&given.value, self.relay(target, given.span)))
    }

    fn relay(&self, target: &VlanDraft<'_>, span: Span) -> Source {
        Source::Relay {
            vlan: target.path.clone(),
            at: self.sources.origin(span),
        }
    }

    fn subnet(&mut self, index: usize, vlan: usize, node: &SubnetNode) {
        let SubnetNode {
            prefix,
            gateway,
            dns,
            dynamic,
            reserved,
            managed,
            reverse_dns,
            allow_dns,
            active_discovery,
            disabled_boot,
            thresholds,
            options: _,
            protect,
        } = node;
        let Some((key, _)) = self.subnet_key(index) else {
            return;
        };
        let mut pen = self.pen("subnet", prefix.span);
        pen.part_of(Relation::In, &key);
        pen.slot("gateway", gateway);
        if let Some(given) = gateway.given()
            && let Some(domain) = self.draft.subnets.get(index).map(|subnet| subnet.domain)
            && let Some(holder) = self.holders.get(&(domain, given.value))
        {
            pen.refer_at(Relation::Gateway, holder.clone(), given.span);
        }
        for server in dns {
            pen.written("dns", self.server(&server.value, index), server.span);
            if let DnsServer::Controller(name) = &server.value {
                let key = ObjectKey::Controller(name.clone());
                pen.refer_at(Relation::Dns, key, server.span);
            }
        }
        if dns.is_empty() && allow_dns.value() != Some(&false) {
            self.default_dns(index, vlan, &mut pen);
        }
        for PoolNode { range, options } in dynamic {
            pen.written("dynamic-range", range.value, range.span);
            pen.options_within(options, range.value);
        }
        for RangeNode { range, purpose } in reserved {
            let text = match purpose.value() {
                Some(purpose) => format!("{} for {purpose}", range.value),
                None => range.value.to_string(),
            };
            pen.written("reserved-range", text, range.span);
        }
        pen.flag("managed", managed, true);
        pen.slot_or("rdns", reverse_dns, "zone");
        pen.flag("allow-dns", allow_dns, true);
        pen.flag("active-discovery", active_discovery, false);
        pen.list("disable-boot", disabled_boot);
        self.thresholds(index, thresholds, &mut pen);
        let own = OptionPlace::Subnet(index);
        self.options_in_force(self.draft.subnet_options(index), own, &mut pen);
        pen.protect(protect.as_ref());
        self.add(key, pen.done());
    }

    /// What is told of how full it is, as it says itself, else as the nearest does that says so.
    fn thresholds(&self, subnet: usize, own: &[Spanned<Percent>], pen: &mut Pen<'_>) {
        pen.list("thresholds", own);
        let said = self.draft.thresholds(subnet);
        let said = said.filter(|_| own.is_empty() && self.shows_inherited);
        if let Some((place, said)) = said
            && let Some(source) = said.first().and_then(|one| self.place(place, one.span))
        {
            let texts: Vec<_> = said.iter().map(|one| one.value.to_string()).collect();
            pen.value("thresholds", texts.join(" "), source);
        }
    }

    /// A subnet's name server with the address at which machines reach it.
    pub(super) fn server(&self, server: &DnsServer, subnet: usize) -> String {
        match server {
            DnsServer::Address(address) => address.to_string(),
            DnsServer::Controller(name) => {
                let controller = self.draft.controller(name);
                let address = controller.and_then(|one| self.draft.address_towards(one, subnet));
                match address {
                    Some(address) => format!("{name} at {address}"),
                    None => name.to_string(),
                }
            }
        }
    }

    /// Without servers of its own, a subnet's machines ask the controllers that serve its VLAN.
    pub(super) fn default_dns(&self, subnet: usize, vlan: usize, pen: &mut Pen<'_>) {
        let serving = match self.draft.relays.get(vlan) {
            Some(Plug::Vlan(target)) => self.draft.vlans.get(*target),
            Some(Plug::Nothing) => self.draft.vlans.get(vlan),
            Some(Plug::Unknown) | None => None,
        };
        let dhcp = serving.and_then(|serving| Some((serving, serving.node.dhcp.as_ref()?)));
        let Some((serving, node)) = dhcp else {
            return;
        };
        for name in &node.controllers {
            let text = self.server(&DnsServer::Controller(name.value.clone()), subnet);
            let source = Source::Vlan {
                vlan: serving.path.clone(),
                at: self.sources.origin(name.span),
            };
            pen.value("dns", text, source);
        }
    }
}
