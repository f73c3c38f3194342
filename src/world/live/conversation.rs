//! A conversation with the kernel over a netlink socket: one request, then its answers. Knows headers, never what a message is about.

use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::os::fd::AsRawFd as _;

use netlink_packet_core::{
    NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkBuffer, NetlinkDeserializable,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, Parseable as _,
};
use rtnetlink::sys::{Socket, SocketAddr};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::netlink::{NetlinkError, refusal};

/// How often a dump is begun anew because the tables changed under it. Each pass takes milliseconds; a host that
/// changes through ten of them in a row is not one to plan against.
pub(super) const DUMP_PASSES: usize = 10;

/// Messages begin at multiples of this (`NLMSG_ALIGNTO`).
const ALIGNMENT: usize = 4;

/// More than the kernel puts into one datagram (`netlink_dump`).
const DATAGRAM_BYTES: usize = 64 * 1024;

/// A socket of one protocol, in the network namespace where it was opened.
///
/// The kernel carries a request out while it is sent (`netlink_rcv_skb`), and makes each part of a dump while the one before it is read:
/// an answer is there when it is asked for. Hence one request at a time, no task of its own, and nobody is told that something can be
/// read: an apply of thousands of steps would wake the runtime as often.
pub(super) struct Conversation<M> {
    socket: Socket,
    /// Of the last request. What answers another one was meant for somebody who did not wait.
    sequence: u32,
    /// Answers as they came, and how much of them was read.
    received: Vec<u8>,
    read: usize,
    /// Whether a dump began whose end was not read: until then the kernel begins no other (`__netlink_dump_start`).
    is_dumping: bool,
    messages: PhantomData<fn(M) -> M>,
}

impl<M> Conversation<M>
where
    M: NetlinkSerializable + NetlinkDeserializable + Clone,
    NetlinkPayload<M>: From<M>,
{
    /// # Errors
    /// Where the system gives no socket.
    pub(super) fn open(protocol: isize) -> io::Result<Self> {
        let mut socket = Socket::new(protocol)?;
        socket.set_non_blocking(true)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        // Kernels before 4.12 have no words for errors; the number is still there.
        let _ = socket.set_ext_ack(true);
        // Kernels before 4.20 list all that there is, whatever is asked for.
        let _ = socket.set_netlink_get_strict_chk(true);
        Ok(Self {
            socket,
            sequence: 0,
            received: Vec::with_capacity(DATAGRAM_BYTES),
            read: 0,
            is_dumping: false,
            messages: PhantomData,
        })
    }

    /// All that the kernel lists for `request`, as one consistent picture.
    ///
    /// # Errors
    /// [`NetlinkError`], where the kernel refuses or never holds still.
    pub(super) async fn dump(&mut self, request: M) -> Result<Vec<M>, NetlinkError> {
        for _ in 0..DUMP_PASSES {
            if let Some(listed) = self.dump_once(request.clone()).await? {
                return Ok(listed);
            }
        }
        Err(NetlinkError::Restless)
    }

    /// One pass; `None` where a change interrupted it. The kernel says so in the header of any message of the dump.
    async fn dump_once(&mut self, request: M) -> Result<Option<Vec<M>>, NetlinkError> {
        self.send(request, NLM_F_DUMP).await?;
        self.is_dumping = true;
        let (mut listed, mut interrupted) = (Vec::new(), false);
        loop {
            let answer = self.answer().await?;
            interrupted |= answer.header.flags & NLM_F_DUMP_INTR != 0;
            match answer.payload {
                NetlinkPayload::InnerMessage(message) => listed.push(message),
                NetlinkPayload::Done(_) => return Ok((!interrupted).then_some(listed)),
                NetlinkPayload::Overrun(_) => interrupted = true,
                NetlinkPayload::Error(error) => refusal(&error, answer.header.flags)?,
                NetlinkPayload::Noop | _ => {}
            }
        }
    }

    /// Asks for something; [`Self::answer`] has what comes of it.
    pub(super) async fn send(&mut self, request: M, flags: u16) -> Result<(), NetlinkError> {
        while self.is_dumping {
            self.next().await?;
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut message = NetlinkMessage::from(request);
        message.header.flags = NLM_F_REQUEST | flags;
        message.header.sequence_number = self.sequence;
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        loop {
            match self.socket.send(&bytes, 0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready(&self.socket, Interest::WRITABLE).await?;
                }
                sent => return Ok(sent.map(drop)?),
            }
        }
    }

    /// The next answer to the last request.
    pub(super) async fn answer(&mut self) -> Result<NetlinkMessage<M>, NetlinkError> {
        loop {
            let answer = self.next().await?;
            if answer.header.sequence_number == self.sequence {
                return Ok(answer);
            }
        }
    }

    /// The next message, whatever it answers; of one that cannot be read the header alone.
    async fn next(&mut self) -> Result<NetlinkMessage<M>, NetlinkError> {
        if self.read >= self.received.len() {
            self.receive().await?;
        }
        let rest = self.received.get(self.read..).unwrap_or_default();
        // What is left after a message that was cut is no message.
        self.read = self.received.len();
        let message = NetlinkBuffer::new_checked(rest).map_err(|_| NetlinkError::Unread)?;
        let length = message.length();
        let header = NetlinkHeader::parse(&message).map_err(|_| NetlinkError::Unread)?;
        let end = usize::try_from(length).map_err(|_| NetlinkError::Unread)?;
        let from = self.received.len() - rest.len();
        self.read = from + end.next_multiple_of(ALIGNMENT);
        let answer = NetlinkMessage::deserialize(rest).unwrap_or_else(|error| {
            tracing::warn!(%error, "a message of the kernel cannot be read");
            NetlinkMessage::new(header, NetlinkPayload::Noop)
        });
        if matches!(
            answer.payload,
            NetlinkPayload::Done(_) | NetlinkPayload::Error(_)
        ) {
            self.is_dumping = false;
        }
        Ok(answer)
    }

    async fn receive(&mut self) -> io::Result<()> {
        self.received.clear();
        self.read = 0;
        loop {
            match self.socket.recv(&mut self.received, 0) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    ready(&self.socket, Interest::READABLE).await?;
                }
                received => return received.map(drop),
            }
        }
    }
}

/// Waits until the kernel has room for a request or an answer to read. It hardly ever has not; the runtime hears of the socket only then.
#[expect(
    deprecated,
    reason = "its successor is unsafe where the descriptor may be closed meanwhile: the borrowed socket holds it open"
)]
async fn ready(socket: &Socket, interest: Interest) -> io::Result<()> {
    let registered = AsyncFd::with_interest(socket.as_raw_fd(), interest)?;
    registered.ready(interest).await.map(drop)
}
