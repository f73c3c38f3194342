//! What the engines are to serve, laid out before any of it is in force: that takes long where a site is large, and the swap does not.

use std::collections::BTreeMap;
use std::panic;
use std::sync::Arc;
use std::thread;

use tokio::sync::watch;

use super::Servers;
use crate::serve::{BootFiles, dhcp, dns};
use crate::state::{Key, Resource, State};
use crate::world::{BmcsInForce, HooksInForce, WebhooksInForce, WorldError};

/// A whole configuration of all engines, sockets aside.
pub struct Ready {
    dns: dns::Prepared,
    dhcp: Arc<dhcp::Config>,
    files: Arc<BootFiles>,
    hooks: HooksInForce,
    webhooks: WebhooksInForce,
    bmcs: BmcsInForce,
}

impl Servers {
    /// Lays out what is to be served; nothing of it is in force yet.
    ///
    /// # Errors
    /// [`WorldError::Dns`] where no resolver can be made of the forwarders.
    pub(in crate::world::live) fn lay_out(&self, state: &State) -> Result<Ready, WorldError> {
        let (dns, dhcp) = thread::scope(|scope| {
            let dhcp = scope.spawn(|| dhcp::Config::from_state(state));
            let dns = self.dns.prepare(state);
            let dhcp = dhcp.join();
            (
                dns,
                dhcp.unwrap_or_else(|panic| panic::resume_unwind(panic)),
            )
        });
        let (hooks, webhooks, bmcs) = beside(state);
        Ok(Ready {
            dns: dns?,
            dhcp: Arc::new(dhcp),
            files: Arc::new(BootFiles::new(state, &self.blobs)),
            hooks,
            webhooks,
            bmcs,
        })
    }

    /// Serves what is ready from now on: what an answer leads to first, and then the answers.
    pub(super) async fn put(&self, ready: Ready) -> Result<(), WorldError> {
        let Ready {
            dns,
            dhcp,
            files,
            hooks,
            webhooks,
            bmcs,
        } = ready;
        let before = self.dns.put(dns);
        tell(hooks, &self.hooks);
        tell(webhooks, &self.webhooks);
        tell(bmcs, &self.bmcs);
        self.tftp.load(Arc::clone(&files));
        self.http.load(files);
        let configured = self.dhcp.configure(dhcp).await;
        // Its memory is freed here, where nobody waits for an answer.
        drop(before);
        Ok(configured?)
    }
}

/// What others than the engines are told.
fn beside(state: &State) -> (HooksInForce, WebhooksInForce, BmcsInForce) {
    let (mut hooks, mut webhooks, mut bmcs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for (key, resource) in state {
        match (key, resource) {
            (Key::Hook { name }, Resource::Hook(hook)) => {
                hooks.insert(name.clone(), Arc::new(hook.clone()));
            }
            (Key::Webhook { name }, Resource::Webhook(webhook)) => {
                webhooks.insert(name.clone(), Arc::new(webhook.clone()));
            }
            (Key::Bmc { machine }, Resource::Bmc(bmc)) => {
                bmcs.insert(machine.clone(), Arc::clone(bmc));
            }
            _ => {}
        }
    }
    (Arc::new(hooks), Arc::new(webhooks), Arc::new(bmcs))
}

/// Tells of them whoever they are for, unless they are what is in force already.
fn tell<T: PartialEq>(told: T, into: &watch::Sender<T>) {
    into.send_if_modified(|before| {
        let is_new = *before != told;
        *before = told;
        is_new
    });
}
