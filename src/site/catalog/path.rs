//! A controller's own routes and policy rules.

use std::collections::BTreeSet;

use super::pen::Pen;
use super::{Cataloguer, ObjectKey, Relation};
use crate::base::name::LinkName;
use crate::base::route::{MAIN_TABLE, kept_metric};
use crate::lang::Slot;
use crate::lang::node::{HopNode, PathNode, RuleNode, TableRef};
use crate::site::resolve::{Host, Tables};

impl Cataloguer<'_> {
    /// Routes and rules of a controller.
    pub(super) fn paths(&mut self, host: &Host<'_>, routes: &[PathNode], rules: &[RuleNode]) {
        let placed = host.links.iter().flat_map(|link| &link.addresses);
        let subnets = placed.filter_map(|placed| placed.subnet).collect();
        let tables = Tables::new(self.draft, host);
        for route in routes {
            self.path(host, (&subnets, &tables), route);
        }
        for rule in rules {
            self.rule(host, rule);
        }
    }

    fn path(
        &mut self,
        host: &Host<'_>,
        (subnets, tables): (&BTreeSet<usize>, &Tables<'_>),
        node: &PathNode,
    ) {
        let PathNode {
            destination,
            kind,
            hops,
            on,
            metric,
            table,
            source,
            is_partial: _,
            span,
        } = node;
        let Some(to) = destination.value() else {
            return;
        };
        let number = tables.of_route(node);
        let kept = kept_metric(*to, metric.value().copied().unwrap_or(0));
        let key = ObjectKey::ControllerRoute(
            host.name.value.clone(),
            *to,
            number.unwrap_or(MAIN_TABLE),
            kept,
        );
        let mut pen = self.pen("route", *span);
        pen.part_of(Relation::Of, &key);
        pen.slot("destination", destination);
        pen.slot("type", kind);
        for hop in hops {
            self.hop(host, subnets, hop, &mut pen);
        }
        pen.slot("on", on);
        link(host, on, &mut pen);
        pen.slot_or("metric", metric, 0);
        let unsaid = number.filter(|number| *number != MAIN_TABLE);
        pen.slot_or(
            "table",
            table,
            unsaid.map_or(TableRef::Main, TableRef::Number),
        );
        vrf(host, table, &mut pen);
        pen.slot("source", source);
        self.add(key, pen.done());
    }

    fn hop(&self, host: &Host<'_>, subnets: &BTreeSet<usize>, node: &HopNode, pen: &mut Pen<'_>) {
        let HopNode {
            via,
            on,
            weight,
            onlink,
            span: _,
        } = node;
        let Some(router) = via.given() else {
            return;
        };
        let mut text = router.value.to_string();
        if let Some(on) = on.value() {
            text += &format!(" on {on}");
        }
        if let Some(weight) = weight.value() {
            text += &format!(" weight {weight}");
        }
        if onlink.value() == Some(&true) {
            text += " onlink";
        }
        pen.written("via", text, router.span);
        // The subnet of the host's own that holds the router.
        let mut holding = self.draft.index.holding(router.value);
        let own = holding.find(|subnet| subnets.contains(subnet));
        if let Some((key, _)) = own.and_then(|subnet| self.subnet_key(subnet)) {
            pen.refer_at(Relation::Via, key, router.span);
        }
        link(host, on, pen);
    }

    fn rule(&mut self, host: &Host<'_>, node: &RuleNode) {
        let RuleNode {
            priority,
            family,
            kind,
            from,
            to,
            incoming,
            outgoing,
            mark,
            table,
            is_partial: _,
            span,
        } = node;
        let Some(number) = priority.value() else {
            return;
        };
        let only = match node.families() {
            [only] => Some(*only),
            _ => None,
        };
        let key = ObjectKey::ControllerRule(host.name.value.clone(), *number, only);
        let mut pen = self.pen("rule", *span);
        pen.part_of(Relation::Of, &key);
        pen.slot("priority", priority);
        pen.slot("family", family);
        pen.slot("type", kind);
        pen.slot("from", from);
        pen.slot("to", to);
        pen.slot("incoming", incoming);
        link(host, incoming, &mut pen);
        pen.slot("outgoing", outgoing);
        link(host, outgoing, &mut pen);
        pen.slot("mark", mark);
        pen.slot("table", table);
        vrf(host, table, &mut pen);
        self.add(key, pen.done());
    }
}

/// That a link of the host is needed; the loopback is there without a word.
fn link(host: &Host<'_>, on: &Slot<LinkName>, pen: &mut Pen<'_>) {
    if let Some(on) = on.given().filter(|on| host.link(&on.value).is_some()) {
        let to = ObjectKey::ControllerLink(host.name.value.clone(), on.value.clone());
        pen.refer_at(Relation::On, to, on.span);
    }
}

fn vrf(host: &Host<'_>, table: &Slot<TableRef>, pen: &mut Pen<'_>) {
    if let Slot::Given(table) = table
        && let TableRef::Vrf(name) = &table.value
    {
        let to = ObjectKey::ControllerLink(host.name.value.clone(), name.clone());
        pen.refer_at(Relation::Table, to, table.span);
    }
}
