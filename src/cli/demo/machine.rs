//! A simulated machine: firmware on a thread in a network namespace of its own, with one wire. It does as firmware does and
//! tells what came of it; it knows neither the site nor what it ought to get.

use std::fs::{self, File};
use std::net::IpAddr;
use std::sync::mpsc as orders;
use std::thread;

use nix::sched::{CloneFlags, unshare};
use tokio::sync::{mpsc, oneshot};

use super::cable::Links;
use super::client::dhcp::{Boot, Client, DhcpError, Lease};
use super::client::{dns, http, tftp};
use super::news::{Identity, Loaded, MachineError, News, Order, Renewals};
use crate::base::digest::Digest;
use crate::base::name::HostName;

/// The machine's end of its cable.
pub(super) const LINK: &str = "eth0";

/// Reverse path filtering, which a namespace takes over from the host: it would drop an OFFER to a link without address.
const REVERSE_PATH_FILTERS: [&str; 2] = [
    "/proc/sys/net/ipv4/conf/all/rp_filter",
    "/proc/sys/net/ipv4/conf/eth0/rp_filter",
];

/// The machine as the story holds it.
pub(super) struct Machine {
    pub(super) identity: Identity,
    /// The machine's network namespace.
    pub(super) namespace: File,
    orders: orders::Sender<Order>,
}

impl Machine {
    /// Puts a machine into a new namespace. Its thread lasts until the machine is dropped, or the process ends.
    pub(super) async fn assemble(
        identity: Identity,
        news: mpsc::Sender<(HostName, News)>,
    ) -> Result<Self, MachineError> {
        let (orders, inbox) = orders::channel();
        let (namespace, made) = oneshot::channel();
        let firmware = Firmware {
            identity: identity.clone(),
            news,
            lease: None,
            client: None,
        };
        thread::Builder::new()
            .name(identity.name.to_string())
            .spawn(move || {
                let entered = enter();
                let is_in = entered.is_ok();
                // Whoever asked has gone where this fails, and then the inbox is closed too.
                let _ = namespace.send(entered);
                if is_in {
                    firmware.live(&inbox);
                }
            })
            .map_err(MachineError::Thread)?;
        let namespace = made.await.map_err(|_| MachineError::Gone)??;
        Ok(Self {
            identity,
            namespace,
            orders,
        })
    }

    pub(super) fn order(&self, order: Order) -> Result<(), MachineError> {
        self.orders.send(order).map_err(|_| MachineError::Gone)
    }
}

/// Moves this thread into a new network namespace.
fn enter() -> Result<File, MachineError> {
    unshare(CloneFlags::CLONE_NEWNET).map_err(MachineError::Namespace)?;
    let path = "/proc/thread-self/ns/net";
    File::open(path).map_err(|source| MachineError::File {
        path: path.to_owned(),
        source,
    })
}

/// The machine as its thread holds it.
struct Firmware {
    identity: Identity,
    news: mpsc::Sender<(HostName, News)>,
    lease: Option<Lease>,
    client: Option<Client>,
}

impl Firmware {
    fn live(mut self, inbox: &orders::Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            let done = match order {
                Order::Boot => self.boot(),
                Order::Renew => self.renew(inbox),
                Order::Rest => Ok(()),
            };
            if let Err(error) = done {
                self.tell(News::Failed(error));
            }
        }
    }

    /// A story that has ended needs no news.
    fn tell(&self, news: News) {
        let _ = self.news.blocking_send((self.identity.name.clone(), news));
    }

    fn boot(&mut self) -> Result<(), MachineError> {
        self.lease = None;
        self.client = None;
        set_up(None)?;
        let Identity { mac, arch, .. } = self.identity;
        let client = self.client.insert(Client::open(LINK, mac, arch)?);
        let lease = client.acquire()?;
        set_up(Some(&lease))?;
        self.tell(News::Leased(lease.clone()));
        self.tell(News::Loaded(load(&lease.boot)?));
        self.tell(News::Named(name(&lease)?));
        self.lease = Some(lease);
        Ok(())
    }

    fn renew(&mut self, inbox: &orders::Receiver<Order>) -> Result<(), MachineError> {
        let (Some(client), Some(lease)) = (&mut self.client, &self.lease) else {
            return Err(MachineError::NoLease);
        };
        let mut renewals = Renewals::default();
        loop {
            renewals.asked += 1;
            match client.renew(lease) {
                Ok(took) => {
                    renewals.answered += 1;
                    renewals.slowest = renewals.slowest.max(took);
                }
                Err(DhcpError::Silent { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            if renewals.asked == 1 {
                let first = (self.identity.name.clone(), News::Renewing);
                let _ = self.news.blocking_send(first);
            }
            match inbox.try_recv() {
                Err(orders::TryRecvError::Empty) => {}
                Ok(_) | Err(orders::TryRecvError::Disconnected) => break,
            }
        }
        self.tell(News::Renewed(renewals));
        Ok(())
    }
}

/// Brings the link up with the lease's address, or with none.
fn set_up(lease: Option<&Lease>) -> Result<(), MachineError> {
    let file = |path: &str| {
        let path = path.to_owned();
        move |source| MachineError::File { path, source }
    };
    for path in REVERSE_PATH_FILTERS {
        let value = fs::read_to_string(path).map_err(file(path))?;
        if value.trim() != "0" {
            fs::write(path, "0").map_err(file(path))?;
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(MachineError::Thread)?;
    runtime.block_on(async {
        let links = Links::here()?;
        links
            .set_address(LINK, lease.map(|lease| lease.address))
            .await?;
        links.up(LINK).await?;
        Ok(())
    })
}

fn load(boot: &Boot) -> Result<Loaded, MachineError> {
    let (content, file, protocol) = match boot {
        Boot::Tftp { server, file } => (tftp::fetch(*server, file)?, file.clone(), "TFTP"),
        Boot::Http { url } => {
            let (content, path) = http::fetch(url)?;
            (content, path, "HTTP")
        }
    };
    Ok(Loaded {
        file,
        protocol,
        bytes: content.len(),
        digest: Digest::of(&content),
    })
}

/// The name that the machine's address has, if it leads back to the address.
fn name(lease: &Lease) -> Result<String, MachineError> {
    let IpAddr::V4(address) = lease.address.ip() else {
        return Err(MachineError::NoLease);
    };
    let name = dns::name_of(lease.resolver, address)?;
    let found = dns::address_of(lease.resolver, &name)?;
    let name = name.to_string().trim_end_matches('.').to_owned();
    if found == address {
        Ok(name)
    } else {
        Err(MachineError::Name {
            name,
            address,
            found,
        })
    }
}
