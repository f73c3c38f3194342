//! Links of controllers, profiles and machines, and what they have from their VLANs and subnets.

use std::net::IpAddr;

use super::pen::Pen;
use super::{Cataloguer, ObjectKey, Relation, Source};
use crate::base::limit::MTU_DEFAULT;
use crate::base::name::LinkName;
use crate::base::vlan::VlanProtocol;
use crate::diag::span::Spanned;
use crate::lang::node::{
    AddressNode, AddressWish, BondSetting, FilterNode, IdentityNode, LinkNode, LinkShape, PortNode,
    SettingNode,
};
use crate::site::resolve::{AddressTraits, Link, Placed, Plug, PortPlugs, VlanDraft};

/// Whose link it is: what a host has from its subnets, a profile does not know yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    Controller,
    Machine,
}

impl Cataloguer<'_> {
    /// A link of a controller or a machine.
    pub(super) fn link(&mut self, key: ObjectKey, link: &Link, owner: Owner, mut pen: Pen<'_>) {
        let vlan = match link.plug {
            Plug::Vlan(vlan) => self.draft.vlans.get(vlan),
            Plug::Nothing | Plug::Unknown => None,
        };
        self.node(&key, &link.node, vlan, &mut pen);
        if link.node.mtu.is_absent() && link.node.shape.is_sized() {
            self.inherited_mtu(&link.node.shape, vlan, owner, &mut pen);
        }
        if let LinkShape::Bridge {
            filter: Some(filter),
            ..
        } = &link.node.shape
        {
            self.filter(filter, &link.port_plugs, &mut pen);
        }
        let mut seen = Vec::new();
        for placed in &link.addresses {
            self.address(placed, owner, &mut seen, &mut pen);
        }
        if let Some(span) = link.dhcp {
            pen.written("address", "dhcp", span);
        }
        self.add(key, pen.done());
    }

    /// A link of a profile, as far as the profile goes.
    pub(super) fn profile_link(&mut self, key: ObjectKey, node: &LinkNode) {
        let vlan = node.vlan.value().and_then(|reference| {
            let mut vlans = self.draft.vlans.iter();
            vlans.find(|vlan| {
                let fabric = reference.fabric.as_ref();
                vlan.path.vlan == reference.vlan
                    && fabric.is_none_or(|fabric| *fabric == vlan.path.fabric)
            })
        });
        let mut pen = self.pen(node.shape.word(), node.span);
        self.node(&key, node, vlan, &mut pen);
        for address in &node.addresses {
            pen.written("address", address_text(address), address.span);
        }
        self.add(key, pen.done());
    }

    /// What the link itself says, but for its addresses.
    fn node(
        &self,
        key: &ObjectKey,
        node: &LinkNode,
        plugged: Option<&VlanDraft<'_>>,
        pen: &mut Pen<'_>,
    ) {
        let LinkNode {
            name: _,
            shape,
            mac,
            identity,
            vlan,
            mtu,
            addresses: _,
            has_faulty_address: _,
            is_partial: _,
            settings,
            protect,
            span: _,
        } = node;
        pen.part_of(Relation::Of, key);
        pen.slot("mac", mac);
        if let Some(IdentityNode {
            client_id,
            circuit_id,
            duid,
        }) = identity.as_deref()
        {
            pen.slot("client-id", client_id);
            pen.slot("circuit-id", circuit_id);
            pen.slot("duid", duid);
        }
        if let (Some(reference), Some(plugged)) = (vlan.given(), plugged) {
            pen.written("vlan", &plugged.path, reference.span);
            let to = ObjectKey::Vlan(plugged.path.clone());
            pen.refer_at(Relation::In, to, reference.span);
        }
        shape_values(key, shape, pen);
        pen.slot("mtu", mtu);
        for SettingNode { setting, value } in settings {
            if let Some(value) = value.given() {
                let shown = setting.value.shown(value.value);
                pen.written(setting.value.as_str(), shown, value.span);
            }
        }
        pen.protect(protect.as_ref());
    }

    fn inherited_mtu(
        &self,
        shape: &LinkShape,
        vlan: Option<&VlanDraft<'_>>,
        owner: Owner,
        pen: &mut Pen<'_>,
    ) {
        let of_vlan = vlan.and_then(|vlan| Some((vlan, vlan.node.mtu.given()?)));
        match of_vlan {
            Some((vlan, mtu)) => {
                let source = Source::Vlan {
                    vlan: vlan.path.clone(),
                    at: self.sources.origin(mtu.span),
                };
                pen.value("mtu", mtu.value, source);
            }
            None if owner == Owner::Controller && matches!(shape, LinkShape::Ethernet) => {
                pen.value("mtu", "left alone", Source::Default);
            }
            None => pen.value("mtu", MTU_DEFAULT, Source::Default),
        }
    }

    /// What a bridge says of VLANs.
    fn filter(&self, filter: &FilterNode, plugs: &[PortPlugs], pen: &mut Pen<'_>) {
        let FilterNode {
            filtering,
            default_pvid,
            ports,
        } = filter;
        pen.flag("vlan-filtering", filtering, false);
        pen.slot_or("default-pvid", default_pvid, 1);
        for (port, plugs) in ports.iter().zip(plugs) {
            let PortNode {
                name,
                tagged: _,
                untagged: _,
                span,
            } = port;
            let mut text = name.value.to_string();
            for (word, plug) in plugs.named() {
                if let Plug::Vlan(vlan) = plug
                    && let Some(vlan) = self.draft.vlans.get(vlan)
                {
                    text += &format!(" {word} {}", vlan.path);
                    pen.refer_at(Relation::In, ObjectKey::Vlan(vlan.path.clone()), *span);
                }
            }
            pen.written("port", text, name.span);
        }
    }

    /// An address, and what its subnet adds to it; a subnet of several addresses adds it once.
    fn address(&self, placed: &Placed, owner: Owner, seen: &mut Vec<usize>, pen: &mut Pen<'_>) {
        let text = fixed(placed.ip, placed.length) + &traits(placed.traits);
        let source = if placed.is_locked {
            Source::Lock {
                at: self.sources.origin(placed.span()),
            }
        } else {
            pen.source(placed.span())
        };
        pen.value("address", text, source.clone());
        let found = placed
            .subnet
            .and_then(|index| Some((index, self.draft.subnets.get(index)?)));
        let Some((index, subnet)) = found else {
            return;
        };
        if let Some((key, _)) = self.subnet_key(index) {
            pen.refer(Relation::Address, key, source);
        }
        if seen.contains(&index) {
            return;
        }
        seen.push(index);
        let node = subnet.node;
        let from = |span| Source::Subnet {
            subnet: node.prefix.value,
            at: self.sources.origin(span),
        };
        let prefix = node.prefix;
        pen.value("prefix-length", prefix.value.length(), from(prefix.span));
        if owner == Owner::Controller {
            return;
        }
        if let Some(gateway) = node.gateway.given() {
            pen.value("gateway", gateway.value, from(gateway.span));
        }
        for server in &node.dns {
            let text = self.server(&server.value, index);
            pen.value("dns", text, from(server.span));
        }
        if node.dns.is_empty() && node.allow_dns.value() != Some(&false) {
            self.default_dns(index, subnet.vlan, pen);
        }
    }
}

/// An address as a profile asks for it.
fn address_text(node: &AddressNode) -> String {
    let AddressNode {
        wish,
        subnet,
        // A profile's addresses have none.
        flags: _,
        span: _,
    } = node;
    let text = match wish {
        AddressWish::Fixed { ip, length } => fixed(*ip, *length),
        AddressWish::Auto => "auto".to_owned(),
        AddressWish::Dhcp => "dhcp".to_owned(),
    };
    match subnet.value() {
        Some(subnet) => format!("{text} in {subnet}"),
        None => text,
    }
}

/// What the kernel is told of an address, where that is not as usual.
fn traits(traits: AddressTraits) -> String {
    let AddressTraits {
        prefix_route,
        preferred,
        duplicate_detection,
    } = traits;
    let flags = [
        ("prefix-route", prefix_route),
        ("preferred", preferred),
        ("duplicate-detection", duplicate_detection),
    ];
    let unusual = flags.into_iter().filter(|(_, flag)| !flag);
    unusual.map(|(name, _)| format!(" {name}=#false")).collect()
}

/// An address without the length that its subnet gives.
fn fixed(ip: IpAddr, length: Option<u8>) -> String {
    match length {
        Some(length) => format!("{ip}/{length}"),
        None => ip.to_string(),
    }
}

fn shape_values(key: &ObjectKey, shape: &LinkShape, pen: &mut Pen<'_>) {
    match shape {
        LinkShape::Ethernet | LinkShape::Loopback | LinkShape::Dummy => {}
        LinkShape::Vrf { table, ports } => {
            pen.slot("table", table);
            port_values(key, ports, pen);
        }
        LinkShape::Bond {
            mode,
            ports,
            parameters,
        } => {
            pen.slot("mode", mode);
            port_values(key, ports, pen);
            for BondSetting { name, value } in parameters {
                pen.slot(name.value.as_str(), value);
            }
        }
        LinkShape::Tagged { on, protocol } => {
            pen.slot("on", on);
            pen.slot_or("protocol", protocol, VlanProtocol::default());
            if let Some(on) = on.given()
                && let Some(to) = sibling(key, &on.value)
            {
                pen.refer_at(Relation::On, to, on.span);
            }
        }
        LinkShape::Bridge {
            kind,
            ports,
            stp,
            forward_delay,
            // Said beside the VLANs that it leads to.
            filter: _,
        } => {
            port_values(key, ports, pen);
            pen.slot("kind", kind);
            pen.flag("stp", stp, false);
            pen.slot("forward-delay", forward_delay);
        }
    }
}

fn port_values(key: &ObjectKey, ports: &[Spanned<LinkName>], pen: &mut Pen<'_>) {
    pen.list("ports", ports);
    for port in ports {
        if let Some(to) = sibling(key, &port.value) {
            pen.refer_at(Relation::Port, to, port.span);
        }
    }
}

/// Another link of the same host or profile.
fn sibling(key: &ObjectKey, link: &LinkName) -> Option<ObjectKey> {
    let link = link.clone();
    match key {
        ObjectKey::ControllerLink(host, _) => Some(ObjectKey::ControllerLink(host.clone(), link)),
        ObjectKey::MachineLink(host, _) => Some(ObjectKey::MachineLink(host.clone(), link)),
        ObjectKey::ProfileLink(name, _) => Some(ObjectKey::ProfileLink(name.clone(), link)),
        ObjectKey::Site
        | ObjectKey::Space(_)
        | ObjectKey::Fabric(_)
        | ObjectKey::Vlan(_)
        | ObjectKey::Subnet(..)
        | ObjectKey::Route(..)
        | ObjectKey::Record(_)
        | ObjectKey::Image(_)
        | ObjectKey::Controller(_)
        | ObjectKey::ControllerRoute(..)
        | ObjectKey::ControllerRule(..)
        | ObjectKey::Profile(_)
        | ObjectKey::ProfileBmc(_)
        | ObjectKey::Machine(_)
        | ObjectKey::MachineBmc(_) => None,
    }
}
