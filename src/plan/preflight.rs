//! What would fail, found before the first step: limits and busy ports that the observation states.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::{Plan, Step};
use crate::base::name::LinkName;
use crate::base::origin::Origin;
use crate::state::{Facts, Key, Listener, Resource, Service, Transport};

/// A step that cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    pub key: Key,
    pub origin: Option<Origin>,
    pub cause: ObstacleCause,
}

/// Why a step cannot succeed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ObstacleCause {
    Mtu {
        mtu: u32,
        /// The smallest and largest MTU that the link's driver takes.
        limits: (u32, u32),
    },
    /// Another program listens where a server is to.
    PortBusy {
        transport: Transport,
        held: SocketAddr,
        /// The link that the program is bound to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<LinkName>,
    },
}

/// Every step of `plan` that what was observed rules out.
pub fn preflight(plan: &Plan, facts: &Facts) -> Vec<Obstacle> {
    let steps = plan.steps.iter();
    let obstacles = steps.filter_map(|step| {
        let cause = mtu(step, facts).or_else(|| port(step, facts))?;
        Some(Obstacle {
            key: step.key.clone(),
            origin: step.origin.clone(),
            cause,
        })
    });
    obstacles.collect()
}

fn mtu(step: &Step, facts: &Facts) -> Option<ObstacleCause> {
    let (Key::Link { link, .. }, Some(Resource::Link(after))) = (&step.key, &step.after) else {
        return None;
    };
    let (fact, mtu) = (facts.links.get(link)?, after.mtu?);
    let limits = (
        fact.mtu_min.unwrap_or(0),
        fact.mtu_max.filter(|max| *max > 0).unwrap_or(u32::MAX),
    );
    let fits = limits.0 <= mtu && mtu <= limits.1;
    (!fits).then_some(ObstacleCause::Mtu { mtu, limits })
}

/// What keeps a server from listening where a step wants it to.
fn port(step: &Step, facts: &Facts) -> Option<ObstacleCause> {
    let (Key::Listener { service, .. }, Some(Resource::Listener(listener))) =
        (&step.key, &step.after)
    else {
        return None;
    };
    // DHCP hears broadcasts on its device, whoever else has the address.
    let (wanted, device) = socket(*service, listener);
    let held = facts.busy.iter().find(|busy| {
        let same_port = busy.local.port() == wanted.port();
        let same_device = match (&busy.link, device) {
            (Some(busy), Some(device)) => busy == device,
            (Some(_), None) | (None, _) => busy.link.is_none(),
        };
        same_port
            && service.transports().contains(&busy.transport)
            && same_device
            && meet(busy.local.ip(), wanted.ip())
    })?;
    Some(ObstacleCause::PortBusy {
        transport: held.transport,
        held: held.local,
        on: held.link.clone(),
    })
}

/// The socket that a listener opens: on its address, or for DHCP and PXE on its device.
fn socket(service: Service, listener: &Listener) -> (SocketAddr, Option<&LinkName>) {
    let ip = listener.address.ip();
    match service {
        Service::Dhcp | Service::Pxe => {
            let any = IpAddr::from([0, 0, 0, 0]);
            (SocketAddr::new(any, service.port()), Some(&listener.link))
        }
        Service::Dns | Service::Tftp | Service::Http => (SocketAddr::new(ip, service.port()), None),
    }
}

/// Whether two sockets of one port contend, of which one takes any address of its family. One of IPv6 for any address may leave IPv4
/// alone, which the kernel's list does not say; then the step itself will tell.
fn meet(one: IpAddr, other: IpAddr) -> bool {
    one.is_ipv4() == other.is_ipv4()
        && (one == other || one.is_unspecified() || other.is_unspecified())
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match &self.cause {
            ObstacleCause::Mtu {
                mtu,
                limits: (least, most),
            } => write!(
                f,
                "{key}: mtu {mtu} is outside what its driver takes, {least} to {most}"
            ),
            ObstacleCause::PortBusy {
                transport,
                held,
                on,
            } => {
                let (name, flag) = match transport {
                    Transport::Udp => (transport.as_str(), 'u'),
                    Transport::Tcp => (transport.as_str(), 't'),
                };
                write!(f, "{key}: another program holds {name} {held}")?;
                if let Some(link) = on {
                    write!(f, " on {link}")?;
                }
                let port = held.port();
                write!(f, "; `ss -l{flag}np sport = :{port}` names it")
            }
        }
    }
}
