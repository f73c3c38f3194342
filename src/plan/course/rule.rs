//! Policy rules that drop packets of the host's own. Where other rules lead packets is not looked at.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Course;
use crate::base::addr::Prefix;
use crate::base::route::Family;
use crate::state::{Key, Resource, Rule, RuleAction};

impl<'a> Course<'a> {
    /// Whether a rule that is new at `time` drops what the host sends from `local` to `remote`.
    pub(in crate::plan) fn is_dropped(&self, local: IpAddr, remote: IpAddr, time: usize) -> bool {
        let drops = |key: &Key, time| match self.thing(key, time) {
            (Some(Resource::Rule(rule)), _) => is_for(rule, local, remote),
            (_, _) => false,
        };
        let mut changed = self.rules_of(remote);
        changed.any(|key| drops(key, time) && !drops(key, 0))
    }

    /// When it may change what is dropped on the way to `remote`.
    pub(in crate::plan) fn drop_times(&self, remote: IpAddr, times: &mut BTreeSet<usize>) {
        times.extend(self.rules_of(remote).flat_map(|key| self.times(key)));
    }

    /// The rules of an address family that change.
    fn rules_of(&self, remote: IpAddr) -> impl Iterator<Item = &'a Key> {
        let of = Family::of(remote);
        let is_of = move |key: &&Key| matches!(key, Key::Rule { family, .. } if *family == of);
        self.rules.iter().copied().filter(is_of)
    }
}

/// Whether a rule drops such packets. They come over no link, and are neither bound to one nor marked.
fn is_for(rule: &Rule, local: IpAddr, remote: IpAddr) -> bool {
    let drops = match rule.action {
        RuleAction::Drop(_) => true,
        RuleAction::Table(_) => false,
    };
    let holds =
        |prefix: Option<Prefix>, address| prefix.is_none_or(|prefix| prefix.contains(address));
    let is_bare = rule.incoming.is_none() && rule.outgoing.is_none() && rule.mark.is_none();
    drops && is_bare && holds(rule.from, local) && holds(rule.to, remote)
}
