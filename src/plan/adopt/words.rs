//! What was found of a link or a route, as the language writes it.

use std::collections::BTreeMap;

use super::vlan;
use crate::base::addr::is_link_local;
use crate::base::bond::{BondForm, BondParameter, BondValue};
use crate::base::duration::Seconds;
use crate::base::limit::{MTU_DEFAULT, MTU_VRF};
use crate::base::name::{LinkName, Name};
use crate::base::route::{RouteKind, kept_metric};
use crate::base::vlan::{VlanPath, VlanProtocol};
use crate::lang::edit::{NewNode, quoted};
use crate::site::model::LinkForm;
use crate::state::{Bond, Bridge, Hop, Key, Link, LinkKind, Route, Rule, RuleAction, Table};

use super::Adopter;

/// The parts of a link's node.
pub(super) struct Words {
    pub(super) word: &'static str,
    pub(super) properties: Vec<(&'static str, String)>,
    /// Children that hold arguments alone.
    pub(super) values: Vec<(&'static str, Vec<String>)>,
    pub(super) children: Vec<NewNode>,
}

impl Words {
    fn new(word: &'static str) -> Self {
        Self {
            word,
            properties: Vec::new(),
            values: Vec::new(),
            children: Vec::new(),
        }
    }

    /// The node as a whole, with the `addresses` of the link.
    pub(super) fn node(self, name: &LinkName, addresses: Vec<NewNode>) -> NewNode {
        let properties = self.properties.iter();
        let properties = properties.map(|(name, value)| format!(" {name}={value}"));
        let head = match self.word {
            "loopback" => self.word.to_owned(),
            word => format!("{word} {}", quoted(name)),
        };
        let values = self.values.iter();
        let values =
            values.map(|(name, values)| NewNode::leaf(format!("{name} {}", values.join(" "))));
        NewNode {
            head: properties.fold(head, |head, property| head + &property),
            children: values.chain(self.children).chain(addresses).collect(),
        }
    }
}

/// The word that declares a link.
pub(super) fn word(form: &LinkForm) -> &'static str {
    match form {
        LinkForm::Ethernet => "ethernet",
        LinkForm::Bond(_) => "bond",
        LinkForm::Tagged { .. } => "tagged",
        LinkForm::Bridge(_) => "bridge",
        LinkForm::Loopback => "loopback",
        LinkForm::Dummy => "dummy",
        LinkForm::Vrf { .. } => "vrf",
    }
}

impl Adopter<'_> {
    /// The parts of the node that would declare a link as it was found; `plug` is the VLAN that its addresses tell.
    pub(super) fn words(
        &self,
        name: &LinkName,
        found: &Link,
        plug: Option<&VlanPath>,
    ) -> Result<Words, String> {
        if !found.up && found.kind != LinkKind::Loopback {
            return Err(format!(
                "it is down, and links of a site are up; `ip link set {name} up` first"
            ));
        }
        let mut words = match &found.kind {
            LinkKind::Physical => Words::new("ethernet"),
            LinkKind::Loopback => Words::new("loopback"),
            LinkKind::Dummy => Words::new("dummy"),
            LinkKind::Bond(bond) => self.bond(bond),
            LinkKind::Bridge(bridge) => self.bridge(name, bridge)?,
            LinkKind::Tagged(tagged) => {
                let mut words = Words::new("tagged");
                let on = self.site_name(&tagged.on);
                words.properties.push(("on", quoted(on)));
                if tagged.protocol != VlanProtocol::Dot1q {
                    words.properties.push(("protocol", quoted(tagged.protocol)));
                }
                words
            }
            LinkKind::Vrf(vrf) => {
                let mut words = Words::new("vrf");
                words.properties.push(("table", vrf.table.0.to_string()));
                words
            }
        };
        if found.kind.takes_ports() {
            let ports = self.ports(name).into_iter();
            let ports: Vec<String> = ports.map(|port| quoted(self.site_name(port))).collect();
            if !ports.is_empty() {
                words.values.insert(0, ("ports", ports));
            }
        }
        let plug = match &found.kind {
            LinkKind::Tagged(tagged) => Some(self.tagged_vlan(&tagged.on, tagged.id, plug)?),
            LinkKind::Physical
            | LinkKind::Loopback
            | LinkKind::Bond(_)
            | LinkKind::Bridge(_)
            | LinkKind::Dummy
            | LinkKind::Vrf(_) => plug.cloned(),
        };
        if let Some(plug) = &plug {
            let reference = vlan::reference(self.site, plug);
            words.properties.push(("vlan", reference));
        }
        if let Some(mtu) = self.mtu(found, plug.as_ref())? {
            words.properties.push(("mtu", mtu.to_string()));
        }
        Ok(words)
    }

    /// The MTU to write, where it is not what the link has anyway.
    fn mtu(&self, found: &Link, plug: Option<&VlanPath>) -> Result<Option<u32>, String> {
        let Some(mtu) = found.mtu else {
            return Ok(None);
        };
        let of_vlan = plug
            .and_then(|plug| self.site.vlans.get(plug))
            .and_then(|vlan| vlan.mtu);
        let is_written = mtu != of_vlan.unwrap_or(MTU_DEFAULT);
        match found.kind {
            LinkKind::Loopback => Ok(None),
            LinkKind::Vrf(_) if mtu == MTU_VRF => Ok(None),
            LinkKind::Vrf(_) => Err(format!(
                "its MTU is {mtu}, and the language gives a VRF none but {MTU_VRF}"
            )),
            LinkKind::Physical
            | LinkKind::Bond(_)
            | LinkKind::Tagged(_)
            | LinkKind::Bridge(_)
            | LinkKind::Dummy => Ok(Some(mtu).filter(|_| is_written)),
        }
    }

    /// The VLAN of tagged frames: by the id, in the fabric of the link below.
    pub(super) fn tagged_vlan(
        &self,
        on: &LinkName,
        id: u16,
        plug: Option<&VlanPath>,
    ) -> Result<VlanPath, String> {
        let below = self.controller.links.get(self.site_name(on));
        let below = below.and_then(|link| link.vlan.as_ref()).or(plug);
        let fabric: Option<&Name> = below.map(|path| &path.fabric);
        vlan::by_id(self.site, id, fabric)
    }

    fn bond(&self, bond: &Bond) -> Words {
        let mut words = Words::new("bond");
        words.properties.push(("mode", quoted(bond.mode)));
        let shown = bond.parameters.iter();
        words.values = shown
            .filter_map(|(one, value)| Some((one.as_str(), self.parameter(*one, Some(value))?)))
            .collect();
        let looks = [BondParameter::MiiInterval, BondParameter::ArpInterval];
        if !looks.iter().any(|one| bond.parameters.contains_key(one)) {
            // Without it, a bond of the site would look at the carrier of its ports.
            let never = self.parameter(BondParameter::MiiInterval, None);
            words
                .values
                .extend(never.map(|never| (BondParameter::MiiInterval.as_str(), never)));
        }
        words
    }

    /// A parameter's value as its node's arguments; none where it is not there.
    pub(super) fn parameter(
        &self,
        parameter: BondParameter,
        value: Option<&BondValue>,
    ) -> Option<Vec<String>> {
        if value.is_none() {
            parameter.default()?;
        }
        let shown = parameter.show(value);
        Some(match (parameter.form(), value) {
            (_, Some(BondValue::Port(port))) => vec![quoted(self.site_name(port))],
            (_, Some(BondValue::Addresses(all))) => all.iter().map(quoted).collect(),
            (BondForm::Count, _) => vec![shown],
            (BondForm::Flag, _) => vec![flag(shown == "on")],
            (
                BondForm::Words(_)
                | BondForm::Milliseconds
                | BondForm::Mac
                | BondForm::Port
                | BondForm::Addresses,
                _,
            ) => vec![quoted(shown)],
        })
    }

    fn bridge(&self, name: &LinkName, bridge: &Bridge) -> Result<Words, String> {
        let mut words = Words::new("bridge");
        let plain = Bridge::plain(bridge.stp);
        let is_said = BTreeMap::from([
            ("stp", bridge.stp),
            ("forward-delay", bridge.forward_delay != plain.forward_delay),
            ("vlan-filtering", bridge.vlan_filtering),
            ("default-pvid", bridge.default_pvid != plain.default_pvid),
        ]);
        for (name, is_said) in is_said {
            if is_said {
                words.values.push((name, bridge_value(name, bridge)?));
            }
        }
        if bridge.vlan_filtering {
            let ports = self.ports(name).into_iter().chain([name]);
            for port in ports {
                words.children.extend(self.port(port, bridge)?);
            }
        }
        Ok(words)
    }

    /// What a filtering bridge says of one of its ports; nothing where the port has the bridge's own VLAN alone.
    fn port(&self, port: &LinkName, bridge: &Bridge) -> Result<Option<NewNode>, String> {
        let found = self.observed.state.get(&self.link_key(port));
        let Some(crate::state::Resource::Link(found)) = found else {
            return Ok(None);
        };
        if found.vlans == bridge.default_vlans() {
            return Ok(None);
        }
        let (mut tagged, mut untagged) = (Vec::new(), None);
        for (id, how) in &found.vlans {
            let path = vlan::by_id(self.site, *id, None);
            let path = path.map_err(|why| format!("its port {port} has the VLAN {id}: {why}"))?;
            let reference = vlan::reference(self.site, &path);
            match (how.pvid, how.untagged) {
                (false, false) => tagged.push(reference),
                (true, true) => untagged = Some(reference),
                (true, false) | (false, true) => {
                    return Err(format!(
                        "frames of the VLAN {id} come to its port {port} without a tag and leave with one, or the other way round"
                    ));
                }
            }
        }
        let mut children = Vec::new();
        if !tagged.is_empty() {
            children.push(NewNode::leaf(format!("tagged {}", tagged.join(" "))));
        }
        children.extend(untagged.map(|vlan| NewNode::leaf(format!("untagged {vlan}"))));
        Ok(Some(NewNode {
            head: format!("port {}", quoted(self.site_name(port))),
            children,
        }))
    }

    /// The node of a route in the controller's block.
    pub(super) fn route(&self, key: &Key, route: &Route) -> Option<NewNode> {
        let Key::Route {
            destination,
            table,
            metric,
            ..
        } = key
        else {
            return None;
        };
        let ways = route.hops.iter().map(|hop| self.hop(hop));
        let mut children: Vec<NewNode> = ways.collect();
        let source = route
            .source
            .map(|source| format!("source {}", quoted(source)));
        children.extend(source.map(NewNode::leaf));
        if *metric != kept_metric(*destination, 0) {
            children.push(NewNode::leaf(format!("metric {metric}")));
        }
        if *table != Table::MAIN {
            children.push(self.table(*table));
        } else if route.hops.iter().any(|hop| self.is_apart(hop)) {
            children.push(NewNode::leaf("table \"main\"".to_owned()));
        }
        let head = format!("route {}", quoted(destination));
        Some(NewNode {
            head: match route.kind {
                RouteKind::Unicast => head,
                RouteKind::Blackhole | RouteKind::Unreachable | RouteKind::Prohibit => {
                    format!("{head} type={}", quoted(route.kind))
                }
            },
            children,
        })
    }

    /// The node of a rule as it was found.
    pub(super) fn rule(&self, key: &Key, rule: &Rule) -> Option<NewNode> {
        let Key::Rule {
            family, priority, ..
        } = key
        else {
            return None;
        };
        let mut head = format!("rule {priority}");
        if rule.from.is_none() && rule.to.is_none() {
            head.push_str(&format!(" family={}", quoted(family)));
        }
        let link = |name: &LinkName| quoted(self.site_name(name));
        let said = [
            rule.from.map(|from| format!("from {}", quoted(from))),
            rule.to.map(|to| format!("to {}", quoted(to))),
            rule.incoming
                .as_ref()
                .map(|name| format!("incoming {}", link(name))),
            rule.outgoing
                .as_ref()
                .map(|name| format!("outgoing {}", link(name))),
            rule.mark.map(|mark| format!("mark {mark}")),
        ];
        let mut children: Vec<NewNode> = said.into_iter().flatten().map(NewNode::leaf).collect();
        match rule.action {
            RuleAction::Table(Table::MAIN) => {
                children.push(NewNode::leaf("table \"main\"".to_owned()));
            }
            RuleAction::Table(table) => children.push(self.table(table)),
            RuleAction::Drop(kind) => head.push_str(&format!(" type={}", quoted(kind))),
        }
        Some(NewNode { head, children })
    }

    /// A table other than the main one, by the name of its VRF where it is one's.
    fn table(&self, table: Table) -> NewNode {
        let links = self.controller.links.iter();
        let mut named = links.filter(
            |(_, link)| matches!(link.form, LinkForm::Vrf { table: of, .. } if of == table.0),
        );
        let name = named.next().map(|(name, _)| quoted(name));
        let name = name.unwrap_or_else(|| table.0.to_string());
        NewNode::leaf(format!("table {name}"))
    }

    /// Whether a way leads through a VRF's port, so that a route without a table would be in that VRF's.
    fn is_apart(&self, hop: &Hop) -> bool {
        let link = hop.link.as_ref().map(|link| self.site_name(link));
        let link = link.and_then(|link| self.controller.links.get(link));
        link.is_some_and(|link| link.table != Table::MAIN.0)
    }

    /// One way of a route. The link towards a router is named only where no address tells it.
    fn hop(&self, hop: &Hop) -> NewNode {
        let link = hop.link.as_ref().map(|link| quoted(self.site_name(link)));
        let Some(via) = hop.via else {
            return NewNode::leaf(format!("on {}", link.unwrap_or_default()));
        };
        let mut head = format!("via {}", quoted(via));
        if let Some(link) = link.filter(|_| hop.onlink || is_link_local(via)) {
            head.push_str(&format!(" on={link}"));
        }
        if hop.weight != 1 {
            head.push_str(&format!(" weight={}", hop.weight));
        }
        if hop.onlink {
            head.push_str(" onlink=#true");
        }
        NewNode::leaf(head)
    }
}

fn flag(flag: bool) -> String {
    if flag { "#true" } else { "#false" }.to_owned()
}

/// What a bridge says of itself under a name.
pub(super) fn bridge_value(name: &str, bridge: &Bridge) -> Result<Vec<String>, String> {
    Ok(vec![match name {
        "stp" => flag(bridge.stp),
        "vlan-filtering" => flag(bridge.vlan_filtering),
        "default-pvid" => bridge.default_pvid.to_string(),
        _ if bridge.forward_delay.is_multiple_of(100) => {
            quoted(Seconds(bridge.forward_delay / 100))
        }
        _ => return Err("its forwarding delay is not in whole seconds".to_owned()),
    }])
}
