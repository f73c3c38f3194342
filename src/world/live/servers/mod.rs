//! The embedded servers as one thing: looked at together, and changed in one swap.

mod ready;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use crate::base::name::HostName;
use crate::plan::{Step, advance};
use crate::serve::dhcp::{self, Lease, NameChange, StoreTrouble};
use crate::serve::{ListenError, dns, http, tftp};
use crate::state::{Hook, Key, Listener, Resource, Service, State, Webhook};
use crate::store::Store;
use crate::world::{BmcsInForce, HooksInForce, WebhooksInForce, WorldError};
pub(super) use ready::Ready;

/// The servers of this daemon.
pub(super) struct Servers {
    controller: HostName,
    /// Where boot files' content lies, by digest.
    blobs: PathBuf,
    dhcp: Arc<dhcp::Server>,
    dns: Arc<dns::Server>,
    tftp: tftp::Server,
    http: http::Server,
    hooks: watch::Sender<HooksInForce>,
    webhooks: watch::Sender<WebhooksInForce>,
    bmcs: watch::Sender<BmcsInForce>,
}

impl Servers {
    /// Starts the engines; none has an address to answer on yet.
    pub(super) fn start<S: Store>(
        controller: HostName,
        store: Arc<S>,
        blobs: PathBuf,
    ) -> Result<Self, WorldError> {
        // The clock keeps serials growing over restarts; that it wraps is what serials do (RFC 1982).
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let dns = Arc::new(dns::Server::new(now as u32));
        let names = dns.clone();
        let dhcp = dhcp::Server::start(store, move |change| match change {
            NameChange::Publish { name, address } => names.publish(name, address),
            NameChange::Withdraw { name, address } => names.withdraw(&name, address),
        })?;
        let dhcp = Arc::new(dhcp);
        Ok(Self {
            controller,
            blobs,
            dhcp,
            dns,
            tftp: tftp::Server::default(),
            http: http::Server::default(),
            hooks: watch::Sender::default(),
            webhooks: watch::Sender::default(),
            bmcs: watch::Sender::default(),
        })
    }

    /// What is served and where, as the engines and sockets themselves say.
    pub(super) async fn observe(&self) -> Result<State, WorldError> {
        let mut state = self.serving().await?;
        for service in Service::ALL {
            for (address, listener) in self.listening(service).await {
                let key = Key::Listener {
                    controller: self.controller.clone(),
                    service,
                    address,
                };
                state.insert(key, Resource::Listener(listener));
            }
        }
        Ok(state)
    }

    pub(super) fn dhcp(&self) -> Arc<dhcp::Server> {
        Arc::clone(&self.dhcp)
    }

    /// The hooks in force, for whoever runs them.
    pub(super) fn hooks(&self) -> watch::Receiver<HooksInForce> {
        self.hooks.subscribe()
    }

    /// The webhooks in force, for whoever tells them.
    pub(super) fn webhooks(&self) -> watch::Receiver<WebhooksInForce> {
        self.webhooks.subscribe()
    }

    /// The BMCs in force, for whoever speaks with them.
    pub(super) fn bmcs(&self) -> watch::Receiver<BmcsInForce> {
        self.bmcs.subscribe()
    }

    /// The leases of these addresses.
    pub(super) async fn leases_in(
        &self,
        ends: (Ipv4Addr, Ipv4Addr),
    ) -> Result<Vec<Lease>, WorldError> {
        Ok(self.dhcp.leases_in(ends).await?)
    }

    /// How many leases are in force.
    pub(super) async fn leased(&self) -> Result<usize, WorldError> {
        Ok(self.dhcp.leased().await?)
    }

    /// What is wrong with the store that leases are kept in.
    pub(super) async fn store(&self) -> Result<Option<StoreTrouble>, WorldError> {
        Ok(self.dhcp.trouble().await?)
    }

    /// What each server counted, by `service.event`.
    pub(super) async fn counters(&self) -> Result<BTreeMap<String, u64>, WorldError> {
        let counted = [
            (
                Service::Dhcp,
                serde_json::to_value(self.dhcp.counters().await?),
            ),
            (Service::Dns, serde_json::to_value(self.dns.counters())),
            (Service::Tftp, serde_json::to_value(self.tftp.counters())),
            (Service::Http, serde_json::to_value(self.http.counters())),
        ];
        let mut counters = BTreeMap::new();
        for (service, counts) in counted {
            let Ok(serde_json::Value::Object(counts)) = counts else {
                continue;
            };
            counters.extend(counts.into_iter().filter_map(|(event, count)| {
                Some((format!("{service}.{event}"), count.as_u64()?))
            }));
        }
        Ok(counters)
    }

    /// Carries out server steps as one swap to what is ready, which is laid out now where it is not. What can fail comes first: sockets
    /// are opened, then everything is put in force, then sockets close.
    pub(super) async fn swap(
        &self,
        steps: &[Step],
        ready: Option<Ready>,
    ) -> Result<(), (usize, WorldError)> {
        if let Some(lacking) = self.lacking(steps) {
            return Err(lacking);
        }
        let ready = match ready {
            Some(ready) => ready,
            None => {
                let mut state = self.serving().await.map_err(|error| (0, error))?;
                advance(&mut state, steps);
                self.lay_out(&state).map_err(|error| (0, error))?
            }
        };
        // A name that is asked for must not be denied because its lease was not taken in yet.
        let begun = self.dhcp.begun().await;
        begun.map_err(|error| (0, error.into()))?;
        self.open(steps).await?;
        if let Err(error) = self.put(ready).await {
            self.close(steps.iter().filter(|step| step.before.is_none()))
                .await;
            return Err((0, error));
        }
        self.close(steps.iter().filter(|step| step.after.is_none()))
            .await;
        Ok(())
    }

    /// The first file among the steps whose content is not here.
    fn lacking(&self, steps: &[Step]) -> Option<(usize, WorldError)> {
        steps.iter().enumerate().find_map(|(at, step)| {
            let Some(Resource::BootFile(file)) = &step.after else {
                return None;
            };
            let is_here = self.blobs.join(file.digest.to_string()).exists();
            (!is_here).then(|| {
                (
                    at,
                    WorldError::MissingContent {
                        key: Box::new(step.key.clone()),
                        digest: file.digest,
                    },
                )
            })
        })
    }

    /// Opens what the steps open, all or none.
    async fn open(&self, steps: &[Step]) -> Result<(), (usize, WorldError)> {
        for (at, step) in steps.iter().enumerate() {
            let (
                Key::Listener {
                    service, address, ..
                },
                Some(Resource::Listener(listener)),
            ) = (&step.key, &step.after)
            else {
                continue;
            };
            if step.before.is_some() {
                self.close_one(*service, *address).await;
            }
            if let Err(error) = self.open_one(*service, listener).await {
                let opened = steps.get(..at).unwrap_or_default();
                self.close(opened.iter().filter(|step| step.before.is_none()))
                    .await;
                self.reopen(opened.iter().chain([step])).await;
                return Err((at, error.into()));
            }
        }
        Ok(())
    }

    /// Opens again what moving a listener had closed.
    async fn reopen(&self, steps: impl Iterator<Item = &Step>) {
        for step in steps {
            let (
                Key::Listener {
                    service, address, ..
                },
                Some(Resource::Listener(listener)),
            ) = (&step.key, &step.before)
            else {
                continue;
            };
            self.close_one(*service, *address).await;
            if let Err(error) = self.open_one(*service, listener).await {
                tracing::error!(%error, key = %step.key, "cannot go back to the listener before the swap");
            }
        }
    }

    async fn close(&self, steps: impl Iterator<Item = &Step>) {
        for step in steps {
            if let Key::Listener {
                service, address, ..
            } = &step.key
            {
                self.close_one(*service, *address).await;
            }
        }
    }

    async fn open_one(&self, service: Service, listener: &Listener) -> Result<(), ListenError> {
        let Listener { link, address } = listener;
        match service {
            Service::Dhcp | Service::Pxe => self.dhcp.open(service, link, *address).await,
            Service::Dns => self.dns.open(link, *address).await,
            Service::Tftp => self.tftp.open(link, *address).await,
            Service::Http => self.http.open(link, *address).await,
        }
    }

    async fn close_one(&self, service: Service, address: IpAddr) {
        match (service, address) {
            (Service::Dhcp | Service::Pxe, IpAddr::V4(address)) => {
                if let Err(error) = self.dhcp.close(service, address).await {
                    tracing::error!(%error, %address, "cannot close a DHCP listener");
                }
            }
            (Service::Dhcp | Service::Pxe, IpAddr::V6(_)) => {}
            (Service::Dns, address) => self.dns.close(address).await,
            (Service::Tftp, address) => self.tftp.close(address).await,
            (Service::Http, address) => self.http.close(address).await,
        }
    }

    async fn listening(&self, service: Service) -> BTreeMap<IpAddr, Listener> {
        match service {
            Service::Dhcp | Service::Pxe => self.dhcp.listening(service).await,
            Service::Dns => self.dns.listening(),
            Service::Tftp => self.tftp.listening(),
            Service::Http => self.http.listening(),
        }
    }

    async fn serving(&self) -> Result<State, WorldError> {
        let mut state = self.dhcp.config().await?.to_state();
        state.append(&mut self.dns.serving());
        state.append(&mut self.tftp.serving());
        let hooks = self.hooks.borrow();
        state.extend(hooks.iter().map(|(name, hook)| {
            let name = name.clone();
            (Key::Hook { name }, Resource::Hook(Hook::clone(hook)))
        }));
        let webhooks = self.webhooks.borrow();
        state.extend(webhooks.iter().map(|(name, webhook)| {
            let name = name.clone();
            let webhook = Webhook::clone(webhook);
            (Key::Webhook { name }, Resource::Webhook(webhook))
        }));
        let bmcs = self.bmcs.borrow();
        state.extend(bmcs.iter().map(|(machine, bmc)| {
            let machine = machine.clone();
            (Key::Bmc { machine }, Resource::Bmc(Arc::clone(bmc)))
        }));
        Ok(state)
    }
}
