//! DHCP as network boot firmware speaks it: one DORA at power-on, renewals afterwards (RFC 2131, RFC 4578).

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use dhcproto::v4::{DhcpOption, Flags, Message, MessageType, Opcode, OptionCode};
use dhcproto::{Decodable, Encodable};
use socket2::{Domain, Socket, Type};

use super::{PATIENCE, firmware, waits};
use crate::base::addr::InterfaceAddr;
use crate::base::arch::ClientArch;
use crate::base::mac::MacAddr;

const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;

/// The messages of a DORA.
const WORDS: [(MessageType, &str); 4] = [
    (MessageType::Discover, "DISCOVER"),
    (MessageType::Offer, "OFFER"),
    (MessageType::Request, "REQUEST"),
    (MessageType::Ack, "ACK"),
];

/// Why no lease came about.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli::demo) enum DhcpError {
    #[error("cannot open the DHCP client's socket on {link}")]
    Open {
        link: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot send a DHCP {kind}")]
    Send {
        kind: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("cannot receive DHCP messages")]
    Receive(#[source] io::Error),
    #[error("cannot write a DHCP message")]
    Encode(#[from] dhcproto::error::EncodeError),
    #[error("no DHCP {wanted} came")]
    Silent { wanted: &'static str },
    #[error("the server refused {address} (NAK)")]
    Refused { address: Ipv4Addr },
    #[error("the server's {kind} lacks its {part}")]
    Incomplete {
        kind: &'static str,
        part: &'static str,
    },
}

/// What an ACK promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::demo) struct Lease {
    pub(in crate::cli::demo) address: InterfaceAddr,
    pub(in crate::cli::demo) server: Ipv4Addr,
    pub(in crate::cli::demo) seconds: u32,
    pub(in crate::cli::demo) resolver: Ipv4Addr,
    pub(in crate::cli::demo) boot: Boot,
}

/// Where the first program lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli::demo) enum Boot {
    Tftp { server: Ipv4Addr, file: String },
    Http { url: String },
}

/// A DHCP client on one link.
pub(in crate::cli::demo) struct Client {
    socket: UdpSocket,
    mac: MacAddr,
    arch: ClientArch,
    /// The last transaction's id; each has its own.
    transaction: u32,
}

impl Client {
    pub(in crate::cli::demo) fn open(
        link: &str,
        mac: MacAddr,
        arch: ClientArch,
    ) -> Result<Self, DhcpError> {
        let socket = bound(link).map_err(|source| DhcpError::Open {
            link: link.to_owned(),
            source,
        })?;
        let [.., a, b, c] = mac.0;
        let transaction = u32::from_be_bytes([a, b, c, 0]);
        Ok(Self {
            socket,
            mac,
            arch,
            transaction,
        })
    }

    /// DISCOVER, OFFER, REQUEST, ACK.
    pub(in crate::cli::demo) fn acquire(&mut self) -> Result<Lease, DhcpError> {
        let everyone = Ipv4Addr::BROADCAST;
        let mut discover = self.message(MessageType::Discover);
        discover.set_flags(Flags::default().set_broadcast());
        let offer = self.exchange(&discover, everyone, MessageType::Offer, waits())?;

        let mut request = discover;
        let options = request.opts_mut();
        options.insert(DhcpOption::MessageType(MessageType::Request));
        options.insert(DhcpOption::RequestedIpAddress(offer.yiaddr()));
        options.insert(DhcpOption::ServerIdentifier(server_of(&offer)?));
        let ack = self.exchange(&request, everyone, MessageType::Ack, waits())?;
        self.lease(&ack)
    }

    /// Asks once to keep the lease; how long the answer took (RFC 2131 4.4.5).
    pub(in crate::cli::demo) fn renew(&mut self, lease: &Lease) -> Result<Duration, DhcpError> {
        let mut request = self.message(MessageType::Request);
        if let IpAddr::V4(address) = lease.address.ip() {
            request.set_ciaddr(address);
        }
        let asked = Instant::now();
        let ack = self.exchange(&request, lease.server, MessageType::Ack, [PATIENCE])?;
        let took = asked.elapsed();
        if IpAddr::V4(ack.yiaddr()) == lease.address.ip() {
            Ok(took)
        } else {
            Err(DhcpError::Refused {
                address: ack.yiaddr(),
            })
        }
    }

    /// A message of a new transaction.
    fn message(&mut self, kind: MessageType) -> Message {
        self.transaction = self.transaction.wrapping_add(1);
        firmware::message(kind, self.transaction, self.mac, self.arch)
    }

    /// Sends until the wanted answer comes, or the waits run out.
    fn exchange(
        &self,
        request: &Message,
        to: Ipv4Addr,
        wanted: MessageType,
        waits: impl IntoIterator<Item = Duration>,
    ) -> Result<Message, DhcpError> {
        let bytes = request.to_vec()?;
        let kind = request.opts().msg_type().map_or("message", word);
        for wait in waits {
            self.socket
                .send_to(&bytes, (to, SERVER_PORT))
                .map_err(|source| DhcpError::Send { kind, source })?;
            if let Some(answer) = self.answer(request, wanted, wait)? {
                return Ok(answer);
            }
        }
        Err(DhcpError::Silent {
            wanted: word(wanted),
        })
    }

    /// The answer to `request`, if it comes in time. Others' answers pass by on this wire too.
    fn answer(
        &self,
        request: &Message,
        wanted: MessageType,
        wait: Duration,
    ) -> Result<Option<Message>, DhcpError> {
        let deadline = Instant::now() + wait;
        let mut buffer = [0; 2048];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.socket
                .set_read_timeout(Some(left))
                .map_err(DhcpError::Receive)?;
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_timeout(&error) => return Ok(None),
                Err(error) => return Err(DhcpError::Receive(error)),
            };
            let Ok(answer) = Message::from_bytes(buffer.get(..length).unwrap_or_default()) else {
                continue;
            };
            let is_ours = answer.opcode() == Opcode::BootReply && answer.xid() == request.xid();
            match answer.opts().msg_type() {
                Some(kind) if is_ours && kind == wanted => return Ok(Some(answer)),
                Some(MessageType::Nak) if is_ours => {
                    return Err(DhcpError::Refused {
                        address: request.ciaddr(),
                    });
                }
                Some(_) | None => {}
            }
        }
    }

    fn lease(&self, ack: &Message) -> Result<Lease, DhcpError> {
        let lacks = |part| DhcpError::Incomplete { kind: "ACK", part };
        let options = ack.opts();
        let Some(DhcpOption::SubnetMask(mask)) = options.get(OptionCode::SubnetMask) else {
            return Err(lacks("subnet mask"));
        };
        let length = u8::try_from(mask.to_bits().leading_ones()).unwrap_or(32);
        let address = InterfaceAddr::new(IpAddr::V4(ack.yiaddr()), length)
            .map_err(|_| lacks("subnet mask"))?;
        let Some(DhcpOption::AddressLeaseTime(seconds)) = options.get(OptionCode::AddressLeaseTime)
        else {
            return Err(lacks("lease time"));
        };
        let resolver = match options.get(OptionCode::DomainNameServer) {
            Some(DhcpOption::DomainNameServer(servers)) => servers.first().copied(),
            Some(_) | None => None,
        };
        Ok(Lease {
            address,
            server: server_of(ack)?,
            seconds: *seconds,
            resolver: resolver.ok_or_else(|| lacks("DNS server"))?,
            boot: self.boot(ack).ok_or_else(|| lacks("boot file"))?,
        })
    }

    /// Option 67 wins over the header's field, which servers fill for clients older than options.
    fn boot(&self, ack: &Message) -> Option<Boot> {
        let named = match ack.opts().get(OptionCode::BootfileName) {
            Some(DhcpOption::BootfileName(name)) => Some(name.as_slice()),
            Some(_) | None => ack.fname(),
        };
        let text = String::from_utf8(named?.to_vec()).ok()?;
        let file = text.trim_end_matches('\0').to_owned();
        let server = ack.siaddr();
        if file.is_empty() {
            None
        } else if self.arch.boots_by_url() {
            Some(Boot::Http { url: file })
        } else {
            Some(Boot::Tftp { server, file })
        }
    }
}

/// A socket that works before the link has an address: bound to the link itself.
fn bound(link: &str) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(link.as_bytes()))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).into())?;
    Ok(socket.into())
}

fn server_of(message: &Message) -> Result<Ipv4Addr, DhcpError> {
    match message.opts().get(OptionCode::ServerIdentifier) {
        Some(DhcpOption::ServerIdentifier(server)) => Ok(*server),
        Some(_) | None => Err(DhcpError::Incomplete {
            kind: "answer",
            part: "server identifier",
        }),
    }
}

fn word(kind: MessageType) -> &'static str {
    let known = WORDS.iter().find(|(one, _)| *one == kind);
    known.map_or("message", |(_, word)| word)
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
