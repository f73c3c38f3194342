//! Requests to the kernel's routing socket and their answers. Knows messages, never what they describe.

use netlink_packet_core::{ErrorMessage, NLM_F_ACK, NLM_F_ECHO, NetlinkPayload, NlasIterator};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use rtnetlink::sys::protocols::NETLINK_ROUTE;

use super::conversation::{Conversation, DUMP_PASSES};
use super::indexes::Indexes;

/// The header of a netlink message, `struct nlmsghdr`.
const HEADER_BYTES: usize = 16;

/// The kernel's words about an error (`NLMSGERR_ATTR_MSG`).
const ERROR_WORDS: u16 = 1;

/// Why the kernel did not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum NetlinkError {
    #[error("{}", words(*errno, message.as_deref()))]
    Refused {
        errno: Errno,
        /// The extended acknowledgement's text, where the kernel gave one.
        message: Option<String>,
    },
    #[error("the network changed through {DUMP_PASSES} attempts to read it")]
    Restless,
    #[error("the kernel's answer cannot be read")]
    Unread,
    #[error("the netlink socket fails")]
    Socket(#[from] std::io::Error),
}

impl NetlinkError {
    /// Whether the kernel refused with one of `errnos`.
    pub(super) fn is(&self, errnos: &[Errno]) -> bool {
        match self {
            Self::Refused { errno, .. } => errnos.contains(errno),
            Self::Restless | Self::Unread | Self::Socket(_) => false,
        }
    }
}

/// A routing socket in the network namespace where it was opened.
pub(super) struct Netlink {
    kernel: Conversation<RouteNetlinkMessage>,
    /// What was learnt of links by the way, for who asks about the same ones again and again.
    pub(super) indexes: Indexes,
}

impl Netlink {
    /// # Errors
    /// Where the system gives no socket.
    pub(super) fn connect() -> std::io::Result<Self> {
        Ok(Self {
            kernel: Conversation::open(NETLINK_ROUTE)?,
            indexes: Indexes::default(),
        })
    }

    /// All that the kernel lists for `request`, as one consistent picture.
    ///
    /// # Errors
    /// [`NetlinkError`], where the kernel refuses or never holds still.
    pub(super) async fn dump(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        self.kernel.dump(request).await
    }

    /// The one thing that `request` asks for.
    ///
    /// # Errors
    /// [`NetlinkError`], also where there is no such thing (`ENODEV`, `ESRCH`).
    pub(super) async fn get(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> Result<RouteNetlinkMessage, NetlinkError> {
        self.kernel.send(request, 0).await?;
        loop {
            let answer = self.kernel.answer().await?;
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => return Ok(message),
                NetlinkPayload::Error(error) => refusal(&error, answer.header.flags)?,
                NetlinkPayload::Noop | _ => return Err(NetlinkError::Unread),
            }
        }
    }

    /// Asks for a change and waits until it is made.
    ///
    /// # Errors
    /// [`NetlinkError`], and then nothing has changed.
    pub(super) async fn change(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<(), NetlinkError> {
        self.acknowledged(request, flags).await.map(drop)
    }

    /// The same, with what the kernel says that it made, where it says so: of links since Linux 6.2.
    ///
    /// # Errors
    /// As [`Self::change`].
    pub(super) async fn made(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Option<RouteNetlinkMessage>, NetlinkError> {
        self.acknowledged(request, flags | NLM_F_ECHO).await
    }

    async fn acknowledged(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<Option<RouteNetlinkMessage>, NetlinkError> {
        self.kernel.send(request, flags | NLM_F_ACK).await?;
        let mut made = None;
        loop {
            let answer = self.kernel.answer().await?;
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => made = Some(message),
                NetlinkPayload::Error(error) => {
                    return refusal(&error, answer.header.flags).map(|()| made);
                }
                NetlinkPayload::Noop | _ => {}
            }
        }
    }
}

/// An error message as a result: without a code it is an acknowledgement.
pub(super) fn refusal(error: &ErrorMessage, flags: u16) -> Result<(), NetlinkError> {
    match error.raw_code() {
        0 => Ok(()),
        code => Err(NetlinkError::Refused {
            errno: Errno::from_raw(code.saturating_abs()),
            message: extended_words(&error.header, flags),
        }),
    }
}

/// The text in an extended acknowledgement: attributes that follow the echoed request, which is its header alone where
/// the kernel capped it (Documentation/userspace-api/netlink/intro.rst, "Extended ACK").
fn extended_words(echo: &[u8], flags: u16) -> Option<String> {
    const CAPPED: u16 = netlink_packet_core::NLM_F_CAPPED;
    const HAS_ATTRIBUTES: u16 = netlink_packet_core::NLM_F_ACK_TLVS;
    if flags & HAS_ATTRIBUTES == 0 {
        return None;
    }
    let echoed = if flags & CAPPED != 0 {
        HEADER_BYTES
    } else {
        let length: [u8; 4] = echo.get(..4)?.try_into().ok()?;
        usize::try_from(u32::from_ne_bytes(length))
            .ok()?
            .checked_next_multiple_of(4)?
    };
    let text = NlasIterator::new(echo.get(echoed..)?)
        .map_while(Result::ok)
        .find(|attribute| attribute.kind() == ERROR_WORDS)?;
    let text = String::from_utf8_lossy(text.value());
    Some(text.trim_end_matches('\0').to_owned())
}

/// What the kernel answered, with what to do about it where that is certain.
fn words(errno: Errno, message: Option<&str>) -> String {
    let mut words = format!("the kernel answered {errno}");
    if let Some(message) = message {
        words += &format!(" ({message})");
    }
    if errno == Errno::EPERM {
        words += "; changing the host's network needs CAP_NET_ADMIN";
    }
    if errno == Errno::EACCES && message.is_some_and(|message| message.contains("IPv6 is disabled"))
    {
        words += "; net.ipv6.conf.LINK.disable_ipv6=0 enables it";
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echoed request of `request` bytes, then an offset attribute and the words.
    fn echo(request: usize) -> Vec<u8> {
        let mut bytes = vec![0; request.next_multiple_of(4)];
        bytes[..4].copy_from_slice(&u32::try_from(request).unwrap().to_ne_bytes());
        for (kind, value) in [(2_u16, &[9, 0, 0, 0][..]), (ERROR_WORDS, b"too big\0")] {
            bytes.extend(u16::try_from(value.len() + 4).unwrap().to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value);
        }
        bytes
    }

    #[test]
    fn the_kernels_words_are_found_behind_the_echo() {
        let (capped, whole) = (0x300, 0x200);
        for (bytes, flags, expected) in [
            (echo(16), capped, Some("too big")),
            (echo(30), whole, Some("too big")),
            (echo(30), 0, None),
            (Vec::new(), whole, None),
        ] {
            assert_eq!(extended_words(&bytes, flags).as_deref(), expected);
        }
    }

    #[test]
    fn a_cut_acknowledgement_never_panics() {
        let whole = echo(30);
        for length in 0..whole.len() {
            assert_eq!(extended_words(&whole[..length], 0x200), None, "{length}");
        }
        assert_eq!(extended_words(&[0xff; 64], 0x200), None);
    }

    #[test]
    fn a_refusal_says_what_to_do() {
        let refused = |errno, message: Option<&str>| NetlinkError::Refused {
            errno,
            message: message.map(str::to_owned),
        };
        for (error, expected) in [
            (
                refused(Errno::EPERM, None),
                "the kernel answered EPERM: Operation not permitted; changing the host's network needs CAP_NET_ADMIN",
            ),
            (
                refused(Errno::EACCES, Some("ipv6: IPv6 is disabled on this device")),
                "the kernel answered EACCES: Permission denied (ipv6: IPv6 is disabled on this device); net.ipv6.conf.LINK.disable_ipv6=0 enables it",
            ),
            (
                refused(Errno::EINVAL, Some("mtu too big")),
                "the kernel answered EINVAL: Invalid argument (mtu too big)",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
