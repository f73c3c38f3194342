//! Hooks and webhooks: who hears what happens to leases.

use std::collections::BTreeMap;

use super::Builder;
use crate::base::duration::Seconds;
use crate::base::name::Name;
use crate::site::model::{Hook, Webhook};

/// How long a hook may run, and a webhook may take, that states nothing.
const HOOK_TIME: Seconds = Seconds(10);

impl Builder<'_> {
    pub(super) fn hooks(&self) -> Option<BTreeMap<Name, Hook>> {
        let nodes = self.draft.declarations.hooks.iter();
        let hooks = nodes.map(|node| {
            let arguments = node.arguments.iter();
            let built = Hook {
                events: node.events.iter().map(|event| event.value).collect(),
                program: node.program.value()?.clone(),
                arguments: arguments.map(|argument| argument.value.clone()).collect(),
                within: node.within.value().copied().unwrap_or(HOOK_TIME),
                origin: self.sources.origin(node.name.span),
            };
            Some((node.name.value.clone(), built))
        });
        hooks.collect()
    }

    pub(super) fn webhooks(&self) -> Option<BTreeMap<Name, Webhook>> {
        let nodes = self.draft.declarations.webhooks.iter();
        let webhooks = nodes.map(|node| {
            let built = Webhook {
                events: node.events.iter().map(|event| event.value).collect(),
                url: node.url.value()?.clone(),
                secret: node.secret.value()?.clone(),
                within: node.within.value().copied().unwrap_or(HOOK_TIME),
                origin: self.sources.origin(node.name.span),
            };
            Some((node.name.value.clone(), built))
        });
        webhooks.collect()
    }
}
