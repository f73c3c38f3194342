//! Virtual cables between namespaces, and a machine's own address; by netlink, in the namespace of the calling thread.

use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

use futures_util::TryStreamExt;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::{InfoData, InfoKind, InfoVeth, LinkAttribute};
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};

use crate::base::addr::InterfaceAddr;
use crate::base::mac::MacAddr;

/// Why the network of the sandbox is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum CableError {
    #[error("cannot open a netlink socket")]
    Open(#[source] io::Error),
    #[error("cannot {operation} {link}")]
    Kernel {
        operation: &'static str,
        link: String,
        #[source]
        source: rtnetlink::Error,
    },
    #[error("there is no link {link}")]
    NoLink { link: String },
}

/// The far end of a cable, in another namespace.
pub(super) struct FarEnd<'a> {
    pub(super) link: &'a str,
    pub(super) mac: MacAddr,
    pub(super) namespace: &'a File,
}

/// Netlink in one namespace.
pub(super) struct Links(Handle);

impl Links {
    /// Must be called on a runtime of one thread, which is in the namespace.
    pub(super) fn here() -> Result<Self, CableError> {
        let (connection, handle, _) = new_connection().map_err(CableError::Open)?;
        tokio::spawn(connection);
        Ok(Self(handle))
    }

    /// Lays a cable from `near` to the far end. Both ends are down yet.
    pub(super) async fn connect(&self, near: &str, far: FarEnd<'_>) -> Result<(), CableError> {
        let peer = LinkMessageBuilder::<LinkUnspec>::new()
            .name(far.link)
            .address(far.mac.0.to_vec())
            .setns_by_fd(far.namespace.as_raw_fd())
            .build();
        let cable = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
            .name(near)
            .set_info_data(InfoData::Veth(InfoVeth::Peer(peer)))
            .build();
        let made = self.0.link().add(cable).execute().await;
        made.map_err(fault("lay the cable of", near))
    }

    pub(super) async fn up(&self, link: &str) -> Result<(), CableError> {
        let up = LinkUnspec::new_with_name(link).up().build();
        let set = self.0.link().set(up).execute().await;
        set.map_err(fault("bring up", link))
    }

    /// Makes `address` the only IPv4 address of `link`; without one, none is left.
    pub(super) async fn set_address(
        &self,
        link: &str,
        address: Option<InterfaceAddr>,
    ) -> Result<(), CableError> {
        let index = self.index(link).await?;
        let mut present = self.0.address().get().execute();
        let mut stale = Vec::new();
        while let Some(one) = present
            .try_next()
            .await
            .map_err(fault("read the addresses of", link))?
        {
            if one.header.index == index && one.header.family == AddressFamily::Inet {
                stale.push(one);
            }
        }
        for one in stale {
            let removed = self.0.address().del(one).execute().await;
            removed.map_err(fault("remove an address of", link))?;
        }
        let Some(address) = address else {
            return Ok(());
        };
        let (ip, length): (IpAddr, u8) = (address.ip(), address.prefix_len());
        let added = self.0.address().add(index, ip, length).execute().await;
        added.map_err(fault("set the address of", link))
    }

    /// The kernel's number of `link`.
    pub(super) async fn index(&self, link: &str) -> Result<u32, CableError> {
        let mut found = self.0.link().get().match_name(link).execute();
        let message = found.try_next().await.map_err(fault("look up", link))?;
        let is_named = |attribute: &LinkAttribute| matches!(attribute, LinkAttribute::IfName(name) if name == link);
        message
            .filter(|message| message.attributes.iter().any(is_named))
            .map(|message| message.header.index)
            .ok_or_else(|| CableError::NoLink {
                link: link.to_owned(),
            })
    }
}

fn fault(operation: &'static str, link: &str) -> impl FnOnce(rtnetlink::Error) -> CableError {
    let link = link.to_owned();
    move |source| CableError::Kernel {
        operation,
        link,
        source,
    }
}
