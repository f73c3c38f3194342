//! A load of whole DHCP transactions, each with a new client, sent as a relay agent does; and the least that a server could do.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt};

use crate::rig::RELAYS;
use crate::site::SERVER;

/// How long a transaction may wait for an answer before it counts as lost and another takes its place.
const PATIENCE: Duration = Duration::from_secs(1);

/// Room for the answers to all that is under way: what is lost shall be lost by the server.
const SOCKET_BUFFER: usize = 8 << 20;

/// What one load saw, in transactions a second, microseconds, and transactions. Those that are lost are among the times, as long as
/// they were waited for.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) rate: f64,
    pub(crate) offer: [f64; 2],
    pub(crate) ack: [f64; 2],
    pub(crate) lost: f64,
}

impl Seen {
    /// As one program tells another.
    pub(crate) fn line(&self) -> String {
        let Self {
            rate,
            offer: [offer_p50, offer_p99],
            ack: [ack_p50, ack_p99],
            lost,
        } = self;
        format!("{rate} {offer_p50} {offer_p99} {ack_p50} {ack_p99} {lost}")
    }

    pub(crate) fn read(line: &str) -> Self {
        let numbers = line.split_whitespace();
        let numbers: Vec<f64> = numbers.map(|word| word.parse().unwrap()).collect();
        Self {
            rate: numbers[0],
            offer: [numbers[1], numbers[2]],
            ack: [numbers[3], numbers[4]],
            lost: numbers[5],
        }
    }
}

/// How far a transaction goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Offer,
    Ack,
}

impl Until {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Ack => "ack",
        }
    }

    pub(crate) fn read(word: &str) -> Self {
        if word == Self::Offer.as_str() {
            Self::Offer
        } else {
            Self::Ack
        }
    }
}

/// A transaction under way: its client, what it waits for, and since when.
#[derive(Clone, Copy)]
struct Slot {
    client: u32,
    requested: bool,
    since: Instant,
}

fn connected() -> UdpSocket {
    let socket = UdpSocket::bind((RELAYS[0], 67)).unwrap();
    socket.connect((SERVER, 67)).unwrap();
    setsockopt(&socket, sockopt::RcvBufForce, &SOCKET_BUFFER).unwrap();
    let patience = Some(Duration::from_millis(50));
    socket.set_read_timeout(patience).unwrap();
    socket
}

/// Keeps `window` transactions under way for a while.
pub(crate) fn run(window: usize, until: Until, length: Duration) -> Seen {
    let socket = connected();
    until_served(&socket);
    let mut next = 1;
    let mut begin = |at: usize| {
        next += 1;
        let since = Instant::now();
        send(&socket, next, at, None);
        Slot {
            client: next,
            requested: false,
            since,
        }
    };
    let mut slots: Vec<Slot> = (0..window).map(&mut begin).collect();
    let (mut offers, mut acks) = (Vec::new(), Vec::new());
    let (mut done, mut lost) = (0.0, 0.0);
    let (started, mut looked) = (Instant::now(), Instant::now());
    while started.elapsed() < length {
        if looked.elapsed() > PATIENCE / 10 {
            looked = Instant::now();
            for (at, slot) in slots.iter_mut().enumerate() {
                let waited = slot.since.elapsed();
                if waited > PATIENCE {
                    lost += 1.0;
                    // Whoever was not answered has waited, too: without it a server that answers few would seem quick.
                    let waits = [&mut offers, &mut acks];
                    waits[usize::from(slot.requested)].push(waited.as_secs_f64() * 1e6);
                    *slot = begin(at);
                }
            }
        }
        let Some((client, at, kind, address)) = receive(&socket) else {
            continue;
        };
        let Some(slot) = slots.get_mut(at).filter(|slot| slot.client == client) else {
            continue;
        };
        let waited = slot.since.elapsed().as_secs_f64() * 1e6;
        let is_done = match kind {
            2 if !slot.requested => {
                offers.push(waited);
                until == Until::Offer
            }
            5 if slot.requested => {
                acks.push(waited);
                true
            }
            _ => continue,
        };
        if is_done {
            done += 1.0;
            *slot = begin(at);
        } else {
            (slot.requested, slot.since) = (true, Instant::now());
            send(&socket, client, at, Some(address));
        }
    }
    let rate = done / started.elapsed().as_secs_f64();
    let (offer, ack) = (percentiles(offers), percentiles(acks));
    Seen {
        rate,
        offer,
        ack,
        lost,
    }
}

/// The 50th and the 99th.
pub(crate) fn percentiles(mut values: Vec<f64>) -> [f64; 2] {
    values.sort_by(f64::total_cmp);
    let at = |percent: usize| values.get(values.len() * percent / 100).copied();
    [50, 99].map(|percent| at(percent).unwrap_or(f64::NAN))
}

/// Answers every message with an address of its client's number and keeps nothing: what this machine's network allows.
pub(crate) fn echo() {
    let socket = UdpSocket::bind((SERVER, 67)).unwrap();
    let mut bytes = [0; 1500];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut bytes) else {
            continue;
        };
        let Some(kind) = bytes[..length].get(242).copied() else {
            continue;
        };
        bytes[0] = 2;
        bytes.copy_within(30..34, 16);
        bytes[242] = if kind == 1 { 2 } else { 5 };
        let _ = socket.send_to(&bytes[..length], from);
    }
}

fn until_served(socket: &UdpSocket) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while Instant::now() < deadline {
        send(socket, 0, 0, None);
        if receive(socket).is_some() {
            return;
        }
        // A port that is not open yet answers at once, so this would spin.
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the server does not answer");
}

/// DISCOVER, or REQUEST of an address; the transaction id carries the slot.
fn send(socket: &UdpSocket, client: u32, slot: usize, chosen: Option<[u8; 4]>) {
    let mut bytes = [0; 300];
    bytes[..4].copy_from_slice(&[1, 1, 6, 1]);
    bytes[4..8].copy_from_slice(&u32::try_from(slot).unwrap().to_be_bytes());
    bytes[24..28].copy_from_slice(&RELAYS[0].octets());
    bytes[28..30].copy_from_slice(&[2, 0xcc]);
    bytes[30..34].copy_from_slice(&client.to_be_bytes());
    bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
    let kind = if chosen.is_some() { 3 } else { 1 };
    let mut options = vec![53, 1, kind, 55, 7, 1, 3, 6, 15, 51, 58, 59];
    if let Some([a, b, c, d]) = chosen {
        let [e, f, g, h] = SERVER.octets();
        options.extend([54, 4, e, f, g, h, 50, 4, a, b, c, d]);
    }
    options.push(255);
    bytes[240..240 + options.len()].copy_from_slice(&options);
    // A refusal shows as a transaction that does not end.
    let _ = socket.send(&bytes);
}

/// Client, slot, message type and address of the next answer.
fn receive(socket: &UdpSocket) -> Option<(u32, usize, u8, [u8; 4])> {
    let mut bytes = [0; 1500];
    let length = socket.recv(&mut bytes).ok()?;
    let number =
        |at: usize| u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let mut at = 240;
    while at + 2 < length && bytes[at] != 53 {
        at += 2 + usize::from(bytes[at + 1]);
    }
    let address = number(16).to_be_bytes();
    Some((number(30), number(4) as usize, bytes[at + 2], address))
}
