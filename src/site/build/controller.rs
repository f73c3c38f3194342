//! The host network of a controller: its links, routes and policy rules.

use std::collections::{BTreeMap, BTreeSet};

use super::Builder;
use crate::base::name::LinkName;
use crate::base::route::RouteKind;
use crate::base::setting::LinkSetting;
use crate::diag::span::Spanned;
use crate::lang::Slot;
use crate::lang::node::{
    FilterNode, HopNode, LinkShape, PathNode, RuleNode, SettingNode, TableRef,
};
use crate::site::model::{
    Bond, Bridge, Controller, ControllerLink, ControllerRoute, DefaultGateway, LinkForm,
    PolicyRule, PortVlans, RouteHop, RuleAction,
};
use crate::site::resolve::{Draft, Host, Link, Plug, Role, Tables};

/// The id of untagged frames on a bridge that says none (the kernel's `br_vlan_init`).
const DEFAULT_PVID: u16 = 1;

impl Builder<'_> {
    pub(super) fn controller(&self, host: &Host<'_>) -> Option<Controller> {
        let Role::Controller(node) = &host.role else {
            return None;
        };
        let tables = Tables::new(self.draft, host);
        let gateways = node.default_gateways.iter().map(|gateway| DefaultGateway {
            via: gateway.value,
            table: tables.towards(gateway.value),
            origin: self.sources.origin(gateway.span),
        });
        let links = host.links.iter();
        let links = links.map(|link| self.controller_link(&tables, link));
        let routes = node.routes.iter().map(|route| self.path(&tables, route));
        let mut routes: Vec<ControllerRoute> = routes.collect::<Option<_>>()?;
        routes.sort_by_key(|route| (route.destination, route.table, route.metric));
        let rules = node.rules.iter().map(|rule| self.rules(host, rule));
        let rules: Vec<Vec<PolicyRule>> = rules.collect::<Option<_>>()?;
        let mut rules: Vec<PolicyRule> = rules.into_iter().flatten().collect();
        rules.sort_by_key(|rule| (rule.priority, rule.family));
        Some(Controller {
            default_gateways: gateways.collect(),
            reachable: node.reachable.iter().map(|one| one.value).collect(),
            links: links.collect::<Option<_>>()?,
            routes,
            rules,
            protection: self.protection(node.protect.as_ref()),
            origin: self.sources.origin(host.name.span),
        })
    }

    fn controller_link(
        &self,
        tables: &Tables<'_>,
        link: &Link,
    ) -> Option<(LinkName, ControllerLink)> {
        let built = ControllerLink {
            form: form(self.draft, link)?,
            mac: link.node.mac.value().copied(),
            vlan: self.plugged(link),
            table: tables.of_link(&link.node.name.value),
            mtu: self.mtu(link),
            addresses: self.addresses(link)?,
            dhcp: link.dhcp.is_some(),
            settings: settings(&link.node.settings),
            protection: self.protection(link.node.protect.as_ref()),
            origin: self.sources.origin(link.node.span),
        };
        Some((link.node.name.value.clone(), built))
    }

    fn path(&self, tables: &Tables<'_>, node: &PathNode) -> Option<ControllerRoute> {
        let mut hops: Vec<RouteHop> = node.hops.iter().map(hop).collect::<Option<_>>()?;
        hops.extend(node.on.value().map(|link| RouteHop {
            via: None,
            link: Some(link.clone()),
            weight: 1,
            onlink: false,
        }));
        // The order of nodes never matters.
        hops.sort();
        Some(ControllerRoute {
            destination: *node.destination.value()?,
            kind: node.kind.value().copied().unwrap_or(RouteKind::Unicast),
            hops,
            metric: node.metric.value().copied().unwrap_or(0),
            table: tables.of_route(node)?,
            source: node.source.value().copied(),
            origin: self.sources.origin(node.span),
        })
    }

    /// A rule as often as it has address families.
    fn rules(&self, host: &Host<'_>, node: &RuleNode) -> Option<Vec<PolicyRule>> {
        let action = match (node.kind.value(), table(host, &node.table)?) {
            (Some(RouteKind::Blackhole), _) => RuleAction::Blackhole,
            (Some(RouteKind::Unreachable), _) => RuleAction::Unreachable,
            (Some(RouteKind::Prohibit), _) => RuleAction::Prohibit,
            (Some(RouteKind::Unicast) | None, table) => RuleAction::Table(table?),
        };
        let families = node.families().iter();
        let rules = families.map(|family| {
            Some(PolicyRule {
                priority: *node.priority.value()?,
                family: *family,
                from: node.from.value().copied(),
                to: node.to.value().copied(),
                incoming: node.incoming.value().cloned(),
                outgoing: node.outgoing.value().cloned(),
                mark: node.mark.value().copied(),
                action,
                origin: self.sources.origin(node.span),
            })
        });
        rules.collect()
    }
}

/// The number of a routing table; none within where none is named, none at all where there is no such table.
#[expect(
    clippy::option_option,
    reason = "that none is named is no fault, and that it is not there is one"
)]
fn table(host: &Host<'_>, table: &Slot<TableRef>) -> Option<Option<u32>> {
    match table {
        Slot::Absent => Some(None),
        Slot::Faulty => None,
        Slot::Given(table) => host.table(&table.value).map(Some),
    }
}

fn hop(node: &HopNode) -> Option<RouteHop> {
    Some(RouteHop {
        via: Some(*node.via.value()?),
        link: node.on.value().cloned(),
        weight: node.weight.value().copied().unwrap_or(1),
        onlink: super::is(&node.onlink, false),
    })
}

fn settings(nodes: &[SettingNode]) -> BTreeMap<LinkSetting, u32> {
    let given = |node: &SettingNode| Some((node.setting.value, *node.value.value()?));
    nodes.iter().filter_map(given).collect()
}

/// What a link is, once every part of it is known.
pub(super) fn form(draft: &Draft<'_>, link: &Link) -> Option<LinkForm> {
    let names = |ports: &[Spanned<LinkName>]| ports.iter().map(|port| port.value.clone()).collect();
    Some(match &link.node.shape {
        LinkShape::Ethernet => LinkForm::Ethernet,
        LinkShape::Loopback => LinkForm::Loopback,
        LinkShape::Dummy => LinkForm::Dummy,
        LinkShape::Vrf { table, ports } => LinkForm::Vrf {
            table: *table.value()?,
            ports: names(ports),
        },
        LinkShape::Tagged { on, protocol } => LinkForm::Tagged {
            on: on.value()?.clone(),
            protocol: protocol.value().copied().unwrap_or_default(),
        },
        LinkShape::Bridge {
            kind,
            ports,
            stp,
            forward_delay,
            filter,
        } => {
            let filter = filter.as_deref();
            LinkForm::Bridge(Bridge {
                is_ovs: kind.value().is_some_and(|kind| kind == "ovs"),
                ports: names(ports),
                stp: stp.value().copied().unwrap_or(false),
                forward_delay: forward_delay.value().copied(),
                vlan_filtering: filter.is_some_and(|one| super::is(&one.filtering, false)),
                default_pvid: filter
                    .and_then(|one| one.default_pvid.value().copied())
                    .unwrap_or(DEFAULT_PVID),
                port_vlans: match filter {
                    Some(filter) => port_vlans(draft, filter, link)?,
                    None => BTreeMap::new(),
                },
            })
        }
        LinkShape::Bond {
            mode,
            ports,
            parameters,
        } => LinkForm::Bond(Bond {
            mode: *mode.value()?,
            ports: names(ports),
            parameters: parameters
                .iter()
                .map(|one| {
                    let parameter = one.name.value;
                    Some((parameter, parameter.read(one.value.value()?)?))
                })
                .collect::<Option<_>>()?,
        }),
    })
}

fn port_vlans(
    draft: &Draft<'_>,
    filter: &FilterNode,
    link: &Link,
) -> Option<BTreeMap<LinkName, PortVlans>> {
    let id = |plug: &Plug| match plug {
        Plug::Vlan(vlan) => draft.vlans.get(*vlan)?.node.id.value().copied(),
        Plug::Nothing | Plug::Unknown => None,
    };
    let ports = filter.ports.iter().zip(&link.port_plugs);
    let ports = ports.map(|(node, plugs)| {
        let tagged = plugs.tagged.iter().map(id).collect::<Option<BTreeSet<_>>>();
        let vlans = PortVlans {
            tagged: tagged?,
            untagged: id(&plugs.untagged),
        };
        Some((node.name.value.clone(), vlans))
    });
    ports.collect()
}
