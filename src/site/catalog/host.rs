//! Controllers, profiles and machines, and the BMCs of the latter two.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::account;
use super::link::Owner;
use super::pen::{Heritage, Pen};
use super::switch;
use super::{Cataloguer, ObjectKey, Relation};
use crate::diag::span::Spanned;
use crate::lang::node::{BmcNode, ControllerNode, HostShape, MachineNode, ProfileNode};
use crate::site::resolve::{Draft, Host, Role};

impl<'a> Cataloguer<'a> {
    /// Who has each address; several may share one, and then it names nobody.
    pub(super) fn addresses(&mut self) {
        let draft = self.draft;
        let wanted = named(draft);
        for host in &draft.hosts {
            for link in &host.links {
                for placed in link
                    .addresses
                    .iter()
                    .filter(|one| wanted.contains(&one.ip()))
                {
                    let key = link_key(host, &link.node.name.value);
                    let place = (draft.domain(placed), placed.ip());
                    self.holders.entry(place).or_insert(key);
                }
            }
        }
    }

    pub(super) fn hosts(&mut self) {
        let draft = self.draft;
        for node in &draft.declarations.profiles {
            self.profile(node);
        }
        for host in &draft.hosts {
            match &host.role {
                Role::Controller(node) => self.controller(host, node),
                Role::Machine(shape) => self.machine(host, shape),
            }
        }
    }

    fn controller(&mut self, host: &Host<'_>, node: &ControllerNode) {
        let ControllerNode {
            name,
            default_gateways,
            reachable,
            links: _,
            routes,
            rules,
            moved,
            protect,
        } = node;
        let mut pen = self.pen("controller", name.span);
        self.default_gateways(host, default_gateways, &mut pen);
        pen.each("reachable", reachable);
        pen.each("moved", moved);
        pen.protect(protect.as_ref());
        self.add(ObjectKey::Controller(name.value.clone()), pen.done());
        for link in &host.links {
            let pen = self.pen(link.node.shape.word(), link.node.span);
            let key = link_key(host, &link.node.name.value);
            self.link(key, link, Owner::Controller, pen);
        }
        self.paths(host, routes, rules);
    }

    /// Where a host sends everything else: a router in one of its own subnets.
    fn default_gateways(&self, host: &Host<'_>, routers: &[Spanned<IpAddr>], pen: &mut Pen<'_>) {
        pen.each("default-gateway", routers);
        let placed = host.links.iter().flat_map(|link| &link.addresses);
        let own: Vec<usize> = placed.filter_map(|placed| placed.subnet).collect();
        for router in routers {
            let mut holding = own.iter().filter_map(|subnet| self.subnet_key(*subnet));
            if let Some((key, _)) = holding.find(|(_, prefix)| prefix.contains(router.value)) {
                pen.refer_at(Relation::Via, key, router.span);
            }
        }
    }

    fn profile(&mut self, node: &ProfileNode) {
        let ProfileNode {
            name,
            shape,
            length: _,
        } = node;
        let mut pen = self.pen("profile", name.span);
        shape_values(shape, &mut pen);
        pen.each("default-gateway", &shape.default_gateways);
        self.add(ObjectKey::Profile(name.value.clone()), pen.done());
        for link in &shape.interfaces {
            let key = ObjectKey::ProfileLink(name.value.clone(), link.name.value.clone());
            self.profile_link(key, link);
        }
        if let Some(bmc) = &shape.bmc {
            let pen = self.pen("bmc", bmc.span);
            self.bmc(ObjectKey::ProfileBmc(name.value.clone()), bmc, pen);
        }
    }

    fn machine(&mut self, host: &Host<'_>, shape: &HostShape) {
        let Some(node) = self.machines.get(&host.name.value).copied() else {
            return;
        };
        let MachineNode {
            name,
            profile,
            shape: own,
            moved,
        } = node;
        let heritage = profile.value().and_then(|name| {
            let found = self.profiles.get(name)?;
            Some(Heritage {
                profile: &found.name.value,
                profile_span: found.shape.span,
                own_span: own.span,
            })
        });
        let mut pen = self.inheriting(heritage, "machine", name.span);
        pen.slot("profile", profile);
        pen.refer_slot(Relation::Profile, profile, ObjectKey::Profile);
        shape_values(shape, &mut pen);
        if shape.power.is_absent() {
            pen.value("power", "unmanaged", super::Source::Default);
        }
        if shape.boot_from.is_absent() {
            pen.value("boot-from", "network", super::Source::Default);
        }
        self.default_gateways(host, &shape.default_gateways, &mut pen);
        pen.each("remove", &own.removed);
        pen.each("moved", moved);
        self.add(ObjectKey::Machine(name.value.clone()), pen.done());
        for link in &host.links {
            let pen = self.inheriting(heritage, link.node.shape.word(), link.node.span);
            let key = link_key(host, &link.node.name.value);
            self.link(key, link, Owner::Machine, pen);
        }
        if let Some(bmc) = &shape.bmc {
            let pen = self.inheriting(heritage, "bmc", bmc.span);
            self.bmc(ObjectKey::MachineBmc(name.value.clone()), bmc, pen);
        }
    }

    fn bmc(&mut self, key: ObjectKey, node: &BmcNode, mut pen: Pen<'_>) {
        let BmcNode {
            kind,
            address,
            port,
            fabric,
            username,
            password,
            key: k_g,
            cipher_suite,
            privilege,
            system,
            fingerprint,
            authority,
            network,
            users,
            switch: switched,
            is_partial: _,
            span: _,
        } = node;
        pen.part_of(Relation::Of, &key);
        pen.slot("kind", kind);
        pen.slot("address", address);
        pen.slot("port", port);
        pen.slot("fabric", fabric);
        pen.slot("username", username);
        pen.slot("password", password);
        pen.slot("k-g", k_g);
        pen.slot("cipher-suite", cipher_suite);
        pen.slot("privilege", privilege);
        pen.slot("system", system);
        pen.slot("fingerprint", fingerprint);
        pen.slot("certificate-authority", authority);
        account::network(network.as_deref(), &mut pen);
        account::values(users, &mut pen);
        switch::values(switched, &mut pen);
        if let Some(given) = address.given() {
            let subnet = self.draft.subnet_of_bmc(node);
            if let Some((subnet, _)) = subnet.and_then(|subnet| self.subnet_key(subnet)) {
                pen.refer_at(Relation::Address, subnet, given.span);
            }
        }
        self.add(key, pen.done());
    }

    fn inheriting(
        &self,
        heritage: Option<Heritage<'a>>,
        kind: &'static str,
        declared: crate::diag::span::Span,
    ) -> Pen<'a> {
        let rows = &self.draft.declarations.rows;
        Pen::new(self.sources, rows, heritage, self.detail, (kind, declared))
    }
}

/// The addresses that gateways and records name, whose holders are asked for: few beside those that hosts have.
fn named(draft: &Draft<'_>) -> BTreeSet<IpAddr> {
    let gateways = draft
        .subnets
        .iter()
        .filter_map(|one| one.node.gateway.value().copied());
    let values = draft
        .declarations
        .records
        .iter()
        .flat_map(|record| &record.values);
    let addresses = values.filter_map(|value| value.value.ip());
    gateways.chain(addresses).collect()
}

/// What a machine and a profile both say, but for links and BMC, which are objects of their own.
fn shape_values(shape: &HostShape, pen: &mut Pen<'_>) {
    let HostShape {
        uuid,
        image,
        tags,
        rack,
        interfaces: _,
        bmc: _,
        power,
        boot_from,
        boot_order,
        boot_mode,
        options,
        default_gateways: _,
        removed: _,
        protect,
        span: _,
    } = shape;
    pen.slot("uuid", uuid);
    pen.slot("image", image);
    pen.refer_slot(Relation::Boots, image, ObjectKey::Image);
    pen.list("tag", tags.as_deref().unwrap_or_default());
    pen.slot("rack", rack);
    pen.slot("power", power);
    pen.slot("boot-from", boot_from);
    pen.slot("boot-order", boot_order);
    pen.slot("boot-order mode", boot_mode);
    pen.options(options);
    pen.protect(protect.as_ref());
}

pub(super) fn host_key(host: &Host<'_>) -> ObjectKey {
    let name = host.name.value.clone();
    if host.is_controller() {
        ObjectKey::Controller(name)
    } else {
        ObjectKey::Machine(name)
    }
}

fn link_key(host: &Host<'_>, link: &crate::base::name::LinkName) -> ObjectKey {
    let name = host.name.value.clone();
    if host.is_controller() {
        ObjectKey::ControllerLink(name, link.clone())
    } else {
        ObjectKey::MachineLink(name, link.clone())
    }
}
