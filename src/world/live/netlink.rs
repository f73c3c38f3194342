//! Requests to the kernel's routing socket and their answers. Knows messages, never what they describe.

use futures_util::StreamExt as _;
use netlink_packet_core::{
    ErrorMessage, NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkMessage,
    NetlinkPayload, NlasIterator,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::errno::Errno;
use rtnetlink::Handle;
use rtnetlink::sys::AsyncSocket as _;

/// How often a dump is begun anew because the tables changed under it. Each pass takes milliseconds; a host that
/// changes through ten of them in a row is not one to plan against.
const DUMP_PASSES: usize = 10;

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
    #[error("the netlink socket is closed")]
    Closed,
}

impl NetlinkError {
    /// Whether the kernel refused with one of `errnos`.
    pub(super) fn is(&self, errnos: &[Errno]) -> bool {
        match self {
            Self::Refused { errno, .. } => errnos.contains(errno),
            Self::Restless | Self::Closed => false,
        }
    }
}

/// A routing socket in the network namespace where it was opened.
pub(super) struct Netlink {
    handle: Handle,
}

impl Netlink {
    /// # Errors
    /// Where the system gives no socket.
    pub(super) fn connect() -> std::io::Result<Self> {
        let (mut connection, handle, _) = rtnetlink::new_connection()?;
        // Without its final message a dump that was cut short looks complete.
        connection.set_forward_done(true);
        connection.set_forward_ack(true);
        // Kernels before 4.12 have no words for errors; the number is still there.
        let _ = connection.socket_mut().socket_mut().set_ext_ack(true);
        tokio::spawn(connection);
        Ok(Self { handle })
    }

    /// All that the kernel lists for `request`, as one consistent picture.
    ///
    /// # Errors
    /// [`NetlinkError`], where the kernel refuses or never holds still.
    pub(super) async fn dump(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> Result<Vec<RouteNetlinkMessage>, NetlinkError> {
        for _ in 0..DUMP_PASSES {
            if let Some(listed) = self.dump_once(request.clone()).await? {
                return Ok(listed);
            }
        }
        Err(NetlinkError::Restless)
    }

    /// One pass; `None` where a change interrupted it. The kernel says so in the header of any message of the dump.
    async fn dump_once(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> Result<Option<Vec<RouteNetlinkMessage>>, NetlinkError> {
        let mut answers = self.request(request, NLM_F_DUMP)?;
        let (mut listed, mut interrupted) = (Vec::new(), false);
        while let Some(answer) = answers.next().await {
            interrupted |= answer.header.flags & NLM_F_DUMP_INTR != 0;
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => listed.push(message),
                NetlinkPayload::Done(_) => return Ok((!interrupted).then_some(listed)),
                NetlinkPayload::Overrun(_) => interrupted = true,
                NetlinkPayload::Error(error) => refusal(&error, answer.header.flags)?,
                NetlinkPayload::Noop | _ => {}
            }
        }
        Err(NetlinkError::Closed)
    }

    /// The one thing that `request` asks for.
    ///
    /// # Errors
    /// [`NetlinkError`], also where there is no such thing (`ENODEV`, `ESRCH`).
    pub(super) async fn get(
        &mut self,
        request: RouteNetlinkMessage,
    ) -> Result<RouteNetlinkMessage, NetlinkError> {
        let mut answers = self.request(request, 0)?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::InnerMessage(message) = answer.payload {
                return Ok(message);
            }
            if let NetlinkPayload::Error(error) = answer.payload {
                refusal(&error, answer.header.flags)?;
            }
        }
        Err(NetlinkError::Closed)
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
        let mut answers = self.request(request, flags | NLM_F_ACK)?;
        while let Some(answer) = answers.next().await {
            if let NetlinkPayload::Error(error) = answer.payload {
                return refusal(&error, answer.header.flags);
            }
        }
        Err(NetlinkError::Closed)
    }

    fn request(
        &mut self,
        request: RouteNetlinkMessage,
        flags: u16,
    ) -> Result<
        impl futures_util::Stream<Item = NetlinkMessage<RouteNetlinkMessage>> + Unpin + use<>,
        NetlinkError,
    > {
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | flags;
        self.handle
            .request(message)
            .map(Box::pin)
            .map_err(|_| NetlinkError::Closed)
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
                refused(Errno::EINVAL, Some("mtu too big")),
                "the kernel answered EINVAL: Invalid argument (mtu too big)",
            ),
        ] {
            assert_eq!(error.to_string(), expected);
        }
    }
}
