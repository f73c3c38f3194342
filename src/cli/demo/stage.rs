//! The stage: the controller's ports, each with a cable to a machine in a namespace of its own; orders go out, news comes in.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::cable::{FarEnd, Links};
use super::capture::Capture;
use super::fault;
use super::machine::{self, Machine};
use super::news::{Identity, News, Order};
use crate::base::name::{HostName, LinkName};
use crate::diag::code::Code;
use crate::diag::fault::Fault;

/// How long the machines may be silent. Longer than the patience of any client of theirs, all tries included.
const PATIENCE: Duration = Duration::from_secs(20);

/// News that wait to be told.
const QUEUE: usize = 64;

/// Ports, cables and machines.
pub(super) struct Stage {
    links: Links,
    ports: Vec<LinkName>,
    machines: BTreeMap<HostName, Machine>,
    news: mpsc::Receiver<(HostName, News)>,
}

impl Stage {
    /// Makes the controller's ports, and a machine at the end of each.
    pub(super) async fn build(ports: &[LinkName], cast: &[Identity]) -> Result<Self, Fault> {
        let broken = "the sandbox could not be built";
        let links = Links::here().map_err(fault(broken))?;
        links.up("lo").await.map_err(fault(broken))?;
        let (tell, news) = mpsc::channel(QUEUE);
        let mut machines = BTreeMap::new();
        for (port, identity) in ports.iter().zip(cast) {
            let machine = Machine::assemble(identity.clone(), tell.clone());
            let machine = machine.await.map_err(fault(broken))?;
            let far = FarEnd {
                link: machine::LINK,
                mac: identity.mac,
                namespace: &machine.namespace,
            };
            let laid = links.connect(port.as_str(), far).await;
            laid.map_err(|error| {
                fault(broken)(error).help("the demo needs the kernel's veth driver")
            })?;
            machines.insert(identity.name.clone(), machine);
        }
        Ok(Self {
            links,
            ports: ports.to_vec(),
            machines,
            news,
        })
    }

    /// Begins to record what passes the ports.
    pub(super) async fn record(&self, path: &Path) -> Result<Capture, Fault> {
        let broken = "there can be no capture";
        let mut indices = BTreeSet::new();
        for port in &self.ports {
            let index = self.links.index(port.as_str()).await;
            indices.insert(index.map_err(fault(broken))?);
        }
        Capture::start(path, indices).map_err(fault(broken))
    }

    pub(super) fn identity(&self, name: &HostName) -> Result<&Identity, Fault> {
        self.machine(name).map(|machine| &machine.identity)
    }

    pub(super) fn order(&self, name: &HostName, order: Order) -> Result<(), Fault> {
        let sent = self.machine(name)?.order(order);
        sent.map_err(fault(format!("{name} takes no orders")))
    }

    /// The next thing that a machine tells.
    pub(super) async fn next(&mut self) -> Result<(HostName, News), Fault> {
        let silent = || Fault::new(Code::WorldFailed, "the machines fell silent");
        let (name, news) = timeout(PATIENCE, self.news.recv())
            .await
            .ok()
            .flatten()
            .ok_or_else(silent)?;
        match news {
            News::Failed(error) => Err(fault(format!("{name} did not get what it needs"))(error)),
            News::Leased(_)
            | News::Loaded(_)
            | News::Named(_)
            | News::Renewing
            | News::Renewed(_) => Ok((name, news)),
        }
    }

    fn machine(&self, name: &HostName) -> Result<&Machine, Fault> {
        let absent = || Fault::new(Code::Internal, format!("the demo has no machine {name}"));
        self.machines.get(name).ok_or_else(absent)
    }
}
