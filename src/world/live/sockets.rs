//! The host's sockets, as the kernel lists them by sock_diag: sessions by which the host is managed, and ports in use. Knows no plan.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, SocketAddr};

use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::constants::{AF_INET, AF_INET6, IPPROTO_TCP, IPPROTO_UDP};
use netlink_packet_sock_diag::inet::{
    ExtensionFlags, InetRequest, InetResponseHeader, SocketId, StateFlags,
};
use nix::errno::Errno;
use rtnetlink::sys::protocols::NETLINK_SOCK_DIAG;

use super::conversation::Conversation;
use super::error::HostError;
use super::link::Links;
use crate::base::addr::is_link_local;
use crate::state::{BusyPort, ClientSession, Service, Session, SessionService, Transport};

/// Where sshd listens unless told otherwise (RFC 4253 4.1).
const SSH_PORT: u16 = 22;

/// More sessions than this are not looked at: a host with so many is not managed by them all.
const MOST_SESSIONS: usize = 1000;

/// A socket to the kernel's lists, in the network namespace where it was opened.
pub(super) struct Sockets {
    kernel: Conversation<SockDiagMessage>,
}

impl Sockets {
    /// # Errors
    /// [`HostError::Socket`].
    pub(super) fn connect() -> Result<Self, HostError> {
        let kernel = Conversation::open(NETLINK_SOCK_DIAG).map_err(HostError::Socket)?;
        Ok(Self { kernel })
    }

    /// Sessions from elsewhere to where people manage the host; `client` is the one by which somebody asks, whose port counts too.
    ///
    /// # Errors
    /// [`HostError::Observe`].
    pub(super) async fn sessions(
        &mut self,
        client: Option<ClientSession>,
        links: &Links,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Result<Vec<Session>, HostError> {
        let ports: BTreeSet<u16> = client
            .iter()
            .map(|client| client.local.port())
            .chain([SSH_PORT])
            .collect();
        let mut sessions = Vec::new();
        for port in ports {
            let listed = self
                .list(Transport::Tcp, port, StateFlags::ESTABLISHED)
                .await?;
            let listed = listed.iter().filter_map(|found| {
                let id = &found.socket_id;
                let (local, remote) = (
                    end(id.source_address, id.source_port),
                    end(id.destination_address, id.destination_port),
                );
                if remote.ip().is_loopback() || is_own(remote.ip()) {
                    return None;
                }
                let is_near = is_link_local(remote.ip());
                Some(Session {
                    yours: client == Some(ClientSession { remote, local }),
                    service: SessionService::Ssh,
                    local,
                    remote,
                    link: links.name(id.interface_id).filter(|_| is_near),
                })
            });
            sessions.extend(listed);
        }
        sessions.sort_by_key(|session| (!session.yours, session.local, session.remote));
        sessions.truncate(MOST_SESSIONS);
        Ok(sessions)
    }

    /// Which ports of our services other programs listen on.
    ///
    /// # Errors
    /// [`HostError::Observe`].
    pub(super) async fn busy(&mut self, links: &Links) -> Result<Vec<BusyPort>, HostError> {
        let mut busy = Vec::new();
        // Sockets of ours that no longer answer hold their ports still, and are closed when they are opened anew.
        let own = own_sockets();
        let all = Service::ALL.into_iter();
        let all: Vec<(u16, Transport)> = all
            .flat_map(|service| {
                service
                    .transports()
                    .iter()
                    .map(move |one| (service.port(), *one))
            })
            .collect();
        for (port, transport) in all {
            let states = match transport {
                Transport::Tcp => StateFlags::LISTEN,
                // One without a peer; the kernel calls that closed.
                Transport::Udp => StateFlags::CLOSE,
            };
            let listed = self.list(transport, port, states).await?;
            let others = listed.iter().filter(|found| !own.contains(&found.inode));
            busy.extend(others.map(|found| {
                let id = &found.socket_id;
                BusyPort {
                    transport,
                    local: SocketAddr::new(id.source_address, id.source_port),
                    link: links.name(id.interface_id),
                }
            }));
        }
        Ok(busy)
    }

    /// The sockets of both families with this local port, in one of `states`.
    async fn list(
        &mut self,
        transport: Transport,
        port: u16,
        states: StateFlags,
    ) -> Result<Vec<InetResponseHeader>, HostError> {
        let mut listed = Vec::new();
        for family in [AF_INET, AF_INET6] {
            let request = InetRequest {
                family,
                protocol: match transport {
                    Transport::Tcp => IPPROTO_TCP,
                    Transport::Udp => IPPROTO_UDP,
                },
                extensions: ExtensionFlags::empty(),
                states: states.clone(),
                socket_id: SocketId {
                    source_port: port,
                    ..if family == AF_INET {
                        SocketId::new_v4()
                    } else {
                        SocketId::new_v6()
                    }
                },
            };
            let request = SockDiagMessage::InetRequest(request);
            match self.kernel.dump(request).await {
                Ok(found) => listed.extend(found.into_iter().filter_map(header)),
                // A kernel without IPv6, or built without these lists: then nobody can tell.
                Err(error) if error.is(&[Errno::ENOENT, Errno::EOPNOTSUPP, Errno::EINVAL]) => {
                    tracing::warn!(%error, port, "the kernel does not list its sockets: sessions and busy ports go unseen");
                }
                Err(error) => return Err(HostError::observe("sockets")(error)),
            }
        }
        Ok(listed)
    }
}

fn header(message: SockDiagMessage) -> Option<InetResponseHeader> {
    if let SockDiagMessage::InetResponse(found) = message {
        Some(found.header)
    } else {
        None
    }
}

/// The inodes of this process's sockets, by which the kernel lists them.
fn own_sockets() -> BTreeSet<u32> {
    let open = fs::read_dir("/proc/self/fd")
        .into_iter()
        .flatten()
        .flatten();
    let names = open.filter_map(|one| fs::read_link(one.path()).ok());
    let inodes = names.filter_map(|name| {
        let inode = name.to_str()?.strip_prefix("socket:[")?;
        inode.strip_suffix(']')?.parse().ok()
    });
    inodes.collect()
}

/// An address of a session; one of IPv4 that an IPv6 socket has is what it is on the wire.
fn end(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}
