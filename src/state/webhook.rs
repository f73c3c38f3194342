//! URLs that are told when something happens to a lease.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Changes, Desired, Key, Resource, list};
use crate::base::duration::Seconds;
use crate::base::hook::HookEvent;
use crate::base::secret::SecretRef;
use crate::base::webhook::WebhookUrl;
use crate::site::model::Site;

/// A URL that is told when something happens to a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    pub events: BTreeSet<HookEvent>,
    pub url: WebhookUrl,
    /// Where the key is kept; the key itself is in no state.
    pub secret: SecretRef,
    /// How long one try may take.
    pub within: Seconds,
}

impl Webhook {
    pub(super) fn changes(&self, from: &Self, changes: Changes) -> Changes {
        changes
            .shown("on", &from.events, &self.events, |events| list(events))
            .field("url", &from.url, &self.url)
            .field("secret", &from.secret, &self.secret)
            .field("within", &from.within, &self.within)
    }

    pub(super) fn summary(&self) -> String {
        let Self {
            events,
            url,
            secret,
            within,
        } = self;
        let events = list(events);
        format!("{url} on {events}, signed with {secret}, within {within}")
    }
}

/// The webhooks of the site, on a controller that has leases.
pub(super) fn desired(site: &Site, into: &mut Desired) {
    for (name, declared) in &site.webhooks {
        let resource = Resource::Webhook(Webhook {
            events: declared.events.clone(),
            url: declared.url.clone(),
            secret: declared.secret.clone(),
            within: declared.within,
        });
        into.add(
            Key::Webhook { name: name.clone() },
            resource,
            &declared.origin,
        );
    }
}
