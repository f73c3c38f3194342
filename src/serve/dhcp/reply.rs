//! Replies: what they copy from the request, which options they carry, and where they go (RFC 2131 4.1, table 3).

use std::net::{Ipv4Addr, SocketAddrV4};

use super::boot::Boot;
use super::class::Class;
use super::config::Served;
use super::engine::{Action, Engine};
use super::options::Writer;
use super::parameters::FILE_MOST;
use super::program::{Booting, NoProgram};
use super::wire::{COOKIE, Kind, Message, code, part};
use crate::base::mac::MacAddr;
use crate::state::{Reservation, Service};

/// Size of a message that every client takes (RFC 2132 9.10), and the most that fits an Ethernet frame.
const MESSAGE_SIZES: (u16, u16) = (576, 1500);

/// Size of a BOOTP message, with a vendor area of 64 bytes (RFC 951 3).
const BOOTP_SIZE: usize = 300;

/// Headers of IP and UDP, which option 57 counts in.
const HEADERS: usize = 28;

/// A message on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub bytes: Vec<u8>,
    pub to: Destination,
    /// A listener of the link that it leaves by; its source, where it goes as a frame.
    pub via: Ipv4Addr,
    /// What it tells the client to boot, or why nothing; `None` where the client does not look for that.
    pub boot: Option<Booting>,
    /// The relay agent whose option 82 it lacks, since that does not fit (RFC 3046 2.2); unspecified where it was put in by something else.
    pub unechoed: Option<Ipv4Addr>,
}

/// Where a reply goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// To an address that can be reached as any other.
    Address(SocketAddrV4),
    /// To all on the link.
    Broadcast,
    /// To a client that does not answer for its address yet: a frame to its hardware address.
    Link { address: Ipv4Addr, mac: MacAddr },
    /// To where a client asked the boot server's port from, and from that port.
    BootClient(SocketAddrV4),
}

/// What a server answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Offer,
    Ack,
    Nak,
    /// The ACK of an INFORM, which grants nothing.
    Informed,
    /// An OFFER of a program without an address (PXE 2.1 2.2.3).
    Proxy,
    /// The ACK of the boot server's port, which names a program again (PXE 2.1 2.2.5).
    BootServer,
}

/// Everything that makes up a reply.
pub(super) struct Draft<'a> {
    pub message: &'a Message<'a>,
    pub served: &'a Served,
    pub answer: Answer,
    pub address: Ipv4Addr,
    /// The length of the lease in seconds.
    pub lease: u32,
    pub reservation: Option<&'a Reservation>,
    /// The classes that the client is of, in the order in which they count.
    pub classes: &'a [&'a Class],
    /// What the client is told to boot, or why nothing.
    pub found: Option<&'a Result<Boot, NoProgram>>,
    /// Source of the request.
    pub from: SocketAddrV4,
    pub via: Ipv4Addr,
}

impl Reply {
    /// Whose port it leaves by.
    pub(super) fn service(&self) -> Service {
        match self.to {
            Destination::Address(_) | Destination::Broadcast | Destination::Link { .. } => {
                Service::Dhcp
            }
            Destination::BootClient(_) => Service::Pxe,
        }
    }
}

/// Which of options 82 and 61 a reply has, best first. RFC 6842 3 has the latter in every reply; RFC 3046 2.2 has a reply go without the
/// former where there is no room for it.
const ECHOES: [(bool, bool); 4] = [(true, true), (false, true), (true, false), (false, false)];

impl Engine {
    /// Counts replies that lack their relay agents' option 82 (RFC 3046 2.2).
    pub(super) fn count_unechoed(&mut self, actions: &[Action]) {
        let lacking = actions.iter().filter(|action| lacks_echo(action));
        self.counters.unechoed += u64::try_from(lacking.count()).unwrap_or(u64::MAX);
    }
}

fn lacks_echo(action: &Action) -> bool {
    match action {
        Action::Send(reply) => reply.unechoed.is_some(),
        Action::Persist { .. } | Action::Publish(_) | Action::Event(_) | Action::Probe(_) => false,
    }
}

/// Whether one of the replies among these lacks option 82.
pub(super) fn lack_echo(actions: Option<&[Action]>) -> bool {
    actions.is_some_and(|actions| actions.iter().any(lacks_echo))
}

impl Draft<'_> {
    pub(super) fn reply(&self) -> Reply {
        let (bytes, is_echoed) = self.bytes();
        Reply {
            bytes,
            to: self.destination(),
            via: self.via,
            unechoed: (!is_echoed).then_some(self.message.giaddr),
            boot: self.found.map(|found| match found {
                Ok(boot) => Ok(boot.told.clone()),
                Err(why) => Err(why.clone()),
            }),
        }
    }

    pub(super) fn boot(&self) -> Option<&Boot> {
        self.found?.as_ref().ok()
    }

    /// The message, and whether it has the option 82 of the request, where there is one.
    fn bytes(&self) -> (Vec<u8>, bool) {
        let relay = self.message.options.get(code::RELAY);
        // RFC 3046 2.2: echoed as it came, and last.
        let relay = relay.as_deref().map(|relay| (code::RELAY, relay));
        let mut writer = Writer::new(self.fixed(), self.most(), relay);
        self.put_all(&mut writer);
        if writer.is_short() {
            self.put_what_fits(relay, &mut writer);
        }
        let is_echoed = relay.is_none() || writer.has_last();
        (writer.finish(), is_echoed)
    }

    /// How long the message may be.
    fn most(&self) -> usize {
        if self.message.kind == Kind::Bootp {
            return BOOTP_SIZE;
        }
        let asked = self.message.options.u16(code::MESSAGE_SIZE).unwrap_or(0);
        usize::from(asked.clamp(MESSAGE_SIZES.0, MESSAGE_SIZES.1)) - HEADERS
    }

    fn put_all(&self, writer: &mut Writer<'_>) {
        if self.message.kind == Kind::Bootp {
            return self.put_parameters(writer);
        }
        self.put_kind(writer);
        self.put_client_id(writer);
        self.put_lease(writer);
        match self.answer {
            Answer::Nak => {}
            Answer::Informed => self.put_parameters(writer),
            Answer::Proxy | Answer::BootServer => self.put_program(writer),
            Answer::Offer | Answer::Ack => {
                self.put_times(writer);
                self.put_parameters(writer);
            }
        }
    }

    /// The same where not all of it fits: what must be there (RFC 2131 table 3) before the echoes, and these before the rest.
    fn put_what_fits<'r>(&self, relay: Option<(u8, &'r [u8])>, writer: &mut Writer<'r>) {
        for (has_relay, has_id) in ECHOES {
            writer.begin_anew(relay.filter(|_| has_relay));
            if self.put_demanded(has_id, writer) {
                break;
            }
        }
        match self.answer {
            Answer::Nak => {}
            Answer::Proxy | Answer::BootServer => self.put_program(writer),
            // BOOTP knows no lists of what is asked for, and no option 52.
            Answer::Ack if self.message.kind == Kind::Bootp => self.put_parameters(writer),
            Answer::Offer | Answer::Ack | Answer::Informed => self.put_by_need(writer),
        }
    }

    /// Whether what must be there fits.
    fn put_demanded(&self, has_id: bool, writer: &mut Writer<'_>) -> bool {
        if self.message.kind == Kind::Bootp {
            return writer.has_room();
        }
        let is_there = self.put_kind(writer) && self.put_lease(writer);
        // RFC 2131 table 3: a refusal has no options in `file` and `sname`; and firmware may look for its program there in any case.
        if self.answer != Answer::Nak && self.boot().is_none() {
            writer.overload();
        }
        is_there && (!has_id || self.put_client_id(writer))
    }

    fn put_kind(&self, writer: &mut Writer<'_>) -> bool {
        let kind = match self.answer {
            Answer::Offer | Answer::Proxy => 2,
            Answer::Ack | Answer::Informed | Answer::BootServer => 5,
            Answer::Nak => 6,
        };
        let server = self.message.server_override();
        let server = server.unwrap_or(self.served.scope.server);
        writer.put(code::MESSAGE_TYPE, &[kind]) && writer.put(code::SERVER_ID, &server.octets())
    }

    fn put_client_id(&self, writer: &mut Writer<'_>) -> bool {
        let id = self.message.options.get(code::CLIENT_ID);
        id.is_none_or(|id| writer.put(code::CLIENT_ID, &id))
    }

    fn put_lease(&self, writer: &mut Writer<'_>) -> bool {
        match self.answer {
            Answer::Nak | Answer::Informed | Answer::Proxy | Answer::BootServer => true,
            Answer::Offer | Answer::Ack => writer.put(code::LEASE_TIME, &self.lease.to_be_bytes()),
        }
    }

    fn fixed(&self) -> Vec<u8> {
        let copied = self.message.fixed;
        let none = Ipv4Addr::UNSPECIFIED;
        let is_nak = self.answer == Answer::Nak;
        let ciaddr = match self.answer {
            Answer::Ack | Answer::Informed | Answer::BootServer => self.message.ciaddr,
            Answer::Offer | Answer::Nak | Answer::Proxy => none,
        };
        let yiaddr = match self.answer {
            Answer::Offer | Answer::Ack => self.address,
            Answer::Informed | Answer::Nak | Answer::Proxy | Answer::BootServer => none,
        };
        let siaddr = self.boot().map_or(none, |boot| boot.told.server);
        let [mut flags, flags_low] = part::<2>(copied, 10);
        // RFC 2131 4.3.2: the relay must broadcast it, since it is told no address of the client's.
        let is_unplaced = is_nak
            || self.answer == Answer::Proxy
            || (self.answer == Answer::Informed && self.message.ciaddr.is_unspecified());
        if is_unplaced && !self.message.giaddr.is_unspecified() {
            flags |= 128;
        }
        let mut bytes = Vec::with_capacity(576);
        bytes.extend([2]);
        bytes.extend(part::<2>(copied, 1));
        bytes.push(0);
        bytes.extend(part::<4>(copied, 4));
        bytes.extend([0, 0, flags, flags_low]);
        for address in [ciaddr, yiaddr, siaddr, self.message.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(part::<16>(copied, 28));
        let name = self.boot().map(|boot| boot.told.server.to_string());
        bytes.extend(name.unwrap_or_default().bytes());
        bytes.resize(108, 0);
        let file = self.boot().map(|boot| boot.program.as_bytes());
        bytes.extend(
            file.filter(|file| file.len() <= FILE_MOST)
                .unwrap_or_default(),
        );
        bytes.resize(236, 0);
        bytes.extend(COOKIE);
        bytes
    }

    fn destination(&self) -> Destination {
        let message = self.message;
        if self.answer == Answer::BootServer {
            let (ip, port) = (*self.from.ip(), self.from.port());
            let ip = if ip.is_unspecified() {
                message.ciaddr
            } else {
                ip
            };
            return Destination::BootClient(SocketAddrV4::new(ip, port));
        }
        // RFC 2131 4.3.5: an informed client has an address, which a relay does not look for.
        let is_placed = self.answer == Answer::Informed && !message.ciaddr.is_unspecified();
        if !message.giaddr.is_unspecified() && !is_placed {
            return Destination::Address(SocketAddrV4::new(message.giaddr, 67));
        }
        match self.answer {
            // No address of the client's is known here.
            Answer::Nak | Answer::Proxy => Destination::Broadcast,
            Answer::Informed if message.ciaddr.is_unspecified() => Destination::Address(self.from),
            Answer::Offer | Answer::Ack | Answer::Informed | Answer::BootServer => {
                self.towards_client()
            }
        }
    }

    fn towards_client(&self) -> Destination {
        let message = self.message;
        if !message.ciaddr.is_unspecified() && self.answer != Answer::Offer {
            return Destination::Address(SocketAddrV4::new(message.ciaddr, 68));
        }
        match message.hardware.mac() {
            Some(mac) if !message.broadcast && !mac.is_group() => Destination::Link {
                address: self.address,
                mac,
            },
            Some(_) | None => Destination::Broadcast,
        }
    }
}
