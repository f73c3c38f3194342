//! Policy rules of a controller: which table is asked for which packets.

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource, Table, list};
use crate::base::addr::Prefix;
use crate::base::name::{HostName, LinkName};
use crate::base::route::RouteKind;
use crate::site::model::{Controller, PolicyRule, RuleAction};

/// A policy rule. Its family and priority stand in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Prefix>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Prefix>,
    /// The link by which packets come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incoming: Option<LinkName>,
    /// The link that a program has bound itself to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outgoing: Option<LinkName>,
    /// The firewall's mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<u32>,
    pub action: Action,
}

/// What a rule does with the packets that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Table(Table),
    /// They are dropped, as by a route of that kind.
    Drop(RouteKind),
}

impl Rule {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .shown("from", &from.from, &self.from, |prefix| list(prefix))
            .shown("to", &from.to, &self.to, |prefix| list(prefix))
            .shown("incoming", &from.incoming, &self.incoming, |link| {
                list(link)
            })
            .shown("outgoing", &from.outgoing, &self.outgoing, |link| {
                list(link)
            })
            .shown("mark", &from.mark, &self.mark, |mark| list(mark))
            .shown("action", &from.action, &self.action, Action::shown)
    }

    pub(super) fn leave(&mut self, from: &Self, is_left: &dyn Fn(&str) -> bool) {
        if is_left("from") {
            self.from = from.from;
        }
        if is_left("to") {
            self.to = from.to;
        }
        if is_left("incoming") {
            self.incoming.clone_from(&from.incoming);
        }
        if is_left("outgoing") {
            self.outgoing.clone_from(&from.outgoing);
        }
        if is_left("mark") {
            self.mark = from.mark;
        }
        if is_left("action") {
            self.action = from.action;
        }
    }

    pub(super) fn summary(&self) -> String {
        let words = [
            self.from.map(|from| format!("from {from}")),
            self.to.map(|to| format!("to {to}")),
            self.incoming
                .as_ref()
                .map(|link| format!("incoming {link}")),
            self.outgoing
                .as_ref()
                .map(|link| format!("outgoing {link}")),
            self.mark.map(|mark| format!("mark {mark}")),
            Some(self.action.shown()),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Action {
    fn shown(&self) -> String {
        match self {
            Self::Table(table) => format!("table {table}"),
            Self::Drop(kind) => kind.to_string(),
        }
    }
}

pub(super) fn desired(name: &HostName, controller: &Controller, into: &mut Desired) {
    for rule in &controller.rules {
        let key = Key::Rule {
            controller: name.clone(),
            family: rule.family,
            priority: rule.priority,
        };
        into.add(key, Resource::Rule(wanted(rule)), &rule.origin);
    }
}

fn wanted(rule: &PolicyRule) -> Rule {
    Rule {
        from: rule.from,
        to: rule.to,
        incoming: rule.incoming.clone(),
        outgoing: rule.outgoing.clone(),
        mark: rule.mark,
        action: match rule.action {
            RuleAction::Table(table) => Action::Table(Table(table)),
            RuleAction::Blackhole => Action::Drop(RouteKind::Blackhole),
            RuleAction::Unreachable => Action::Drop(RouteKind::Unreachable),
            RuleAction::Prohibit => Action::Drop(RouteKind::Prohibit),
        },
    }
}
