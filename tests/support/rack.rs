//! Racks full of BMCs that are not there: one socket that answers IPMI 2.0 (cipher suite 17) for every address of a network, each as
//! it is told to be, and counts what it is asked. Written from the standard; shares nothing with the driver.

use std::collections::BTreeMap;
use std::io::{IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aes::Aes128;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use hmac::{Hmac, KeyInit as _, Mac as _};
use nix::sys::socket::{
    ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg, setsockopt,
    sockopt,
};
use sha2::Sha256;

use super::sandbox::Namespace;

pub const USER: &str = "admin";
pub const PASSWORD: &str = "rack-secret";

/// The algorithms of cipher suite 17.
const SUITE: [u8; 3] = [3, 4, 1];
const GUID: [u8; 16] = *b"no machine there";

/// How a BMC behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Manner {
    #[default]
    Fine,
    /// Says nothing.
    Hangs,
    /// Opens sessions, and then says nothing in them.
    HangsInside,
    /// Loses every third datagram.
    Loses,
    /// Answers with less than it should.
    Garbles,
    /// Agrees to what it is told to do, and does not do it.
    Lies,
    /// Keeps each answer until it has another, and says that one first.
    Disorders,
    /// Starts anew when it is asked something in its next session, and is fine after that.
    Resets,
}

/// One BMC, and what was asked of it.
#[derive(Debug, Clone, Default)]
pub struct Bmc {
    pub manner: Manner,
    /// Another one than all others have.
    pub password: Option<&'static str>,
    pub is_on: bool,
    /// Looks at its power for which it is off after a power cycle.
    pub off_for: u32,
    off_left: u32,
    /// Sessions that were opened.
    pub opened: usize,
    pub closed: usize,
    /// Times that somebody proved, or did not, to know the password.
    pub tries: usize,
    /// Times that it was asked for its power.
    pub looks: usize,
    /// The most sessions that were open at once.
    pub most: usize,
    /// Datagrams that came.
    pub came: usize,
    /// An answer that is not said yet.
    kept: Option<Vec<u8>>,
    sessions: BTreeMap<u32, Session>,
}

#[derive(Debug, Clone, Default)]
struct Session {
    console: u32,
    nonce: [u8; 16],
    /// What names the user in each proof: role, length and name.
    who: Vec<u8>,
    keys: Option<Keys>,
    sent: u32,
}

#[derive(Debug, Clone)]
struct Keys {
    signing: Vec<u8>,
    encrypting: [u8; 16],
}

/// Those that were asked or set, and how many sessions they have together, now and at most.
#[derive(Debug, Default)]
struct Bmcs {
    each: BTreeMap<Ipv4Addr, Bmc>,
    open: usize,
    most: usize,
}

/// All of them, until this value goes.
pub struct Rack {
    bmcs: Arc<Mutex<Bmcs>>,
    ends: Arc<AtomicBool>,
    task: Option<JoinHandle<()>>,
}

impl Rack {
    /// Answers in `place` for every address of `network`, at the usual port.
    pub fn start(place: &Namespace, network: &str) -> Self {
        place.ip(&format!("route add local {network} dev lo"));
        let socket = place.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 623)).unwrap());
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true).unwrap();
        setsockopt(&socket, sockopt::RcvBuf, &(1 << 22)).unwrap();
        let look = Some(Duration::from_millis(100));
        socket.set_read_timeout(look).unwrap();
        let mut rack = Self {
            bmcs: Arc::default(),
            ends: Arc::default(),
            task: None,
        };
        let (bmcs, ends) = (Arc::clone(&rack.bmcs), Arc::clone(&rack.ends));
        let task = thread::spawn(move || {
            while !ends.load(Ordering::Relaxed) {
                answer(&socket, &bmcs);
            }
        });
        rack.task = Some(task);
        rack
    }

    /// Changes how one of them behaves.
    pub fn set(&self, address: &str, change: impl FnOnce(&mut Bmc)) {
        let address = address.parse().unwrap();
        self.bmcs().with(address, change);
    }

    /// One of them at this moment.
    pub fn bmc(&self, address: &str) -> Bmc {
        let address: Ipv4Addr = address.parse().unwrap();
        self.bmcs().each.get(&address).cloned().unwrap_or_default()
    }

    /// All that were asked or set.
    pub fn all(&self) -> BTreeMap<Ipv4Addr, Bmc> {
        self.bmcs().each.clone()
    }

    /// The most sessions that all of them together had at once.
    pub fn most(&self) -> usize {
        self.bmcs().most
    }

    /// One of them forgets its sessions, as one that starts anew does.
    pub fn restart(&self, address: &str) {
        self.set(address, |bmc| bmc.sessions.clear());
    }

    fn bmcs(&self) -> MutexGuard<'_, Bmcs> {
        self.bmcs.lock().unwrap()
    }
}

impl Bmcs {
    fn with<T>(&mut self, address: Ipv4Addr, what: impl FnOnce(&mut Bmc) -> T) -> T {
        let bmc = self.each.entry(address).or_default();
        let before = bmc.open();
        let done = what(bmc);
        self.open = self.open + bmc.open() - before;
        self.most = self.most.max(self.open);
        done
    }
}

impl Bmc {
    /// Sessions that are open now.
    pub fn open(&self) -> usize {
        let open = self.sessions.values();
        open.filter(|session| session.keys.is_some()).count()
    }
}

impl Drop for Rack {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(task) = self.task.take() {
            let _ended = task.join();
        }
    }
}

/// Answers the next datagram from the address that it came to.
fn answer(socket: &UdpSocket, bmcs: &Mutex<Bmcs>) {
    let mut bytes = [0; 1024];
    let mut room = nix::cmsg_space!(nix::libc::in_pktinfo);
    let mut parts = [IoSliceMut::new(&mut bytes)];
    let fd = socket.as_raw_fd();
    let Ok(came) = recvmsg::<SockaddrIn>(fd, &mut parts, Some(&mut room), MsgFlags::empty()) else {
        return;
    };
    let (length, from) = (came.bytes, came.address);
    let mut told = came.cmsgs().unwrap();
    let to = told.find_map(|told| {
        let ControlMessageOwned::Ipv4PacketInfo(info) = told else {
            return None;
        };
        Some(info)
    });
    let (Some(mut info), Some(from)) = (to, from) else {
        return;
    };
    let address = Ipv4Addr::from(u32::from_be(info.ipi_addr.s_addr));
    let said = bmcs
        .lock()
        .unwrap()
        .with(address, |bmc| bmc.say(bytes.get(..length).unwrap()));
    info.ipi_spec_dst = info.ipi_addr;
    info.ipi_ifindex = 0;
    let back = SockaddrIn::from(SocketAddrV4::from(from));
    let control = [ControlMessage::Ipv4PacketInfo(&info)];
    for said in &said {
        let parts = [IoSlice::new(said)];
        let _lost = sendmsg(fd, &parts, &control, MsgFlags::empty(), Some(&back));
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

impl Bmc {
    /// What it says when it hears something.
    fn say(&mut self, datagram: &[u8]) -> Vec<Vec<u8>> {
        let said = self.hear(datagram);
        if self.manner != Manner::Disorders {
            return said.into_iter().collect();
        }
        match (said, self.kept.take()) {
            (Some(new), Some(old)) => vec![new, old],
            (new, old) => {
                self.kept = new.or(old);
                Vec::new()
            }
        }
    }

    fn hear(&mut self, datagram: &[u8]) -> Option<Vec<u8>> {
        self.came += 1;
        let is_lost = match self.manner {
            Manner::Hangs => true,
            Manner::Loses => self.came.is_multiple_of(3),
            Manner::Fine
            | Manner::HangsInside
            | Manner::Garbles
            | Manner::Lies
            | Manner::Disorders
            | Manner::Resets => false,
        };
        let (&[6, _, 0xff, 7], rest) = datagram.split_first_chunk()? else {
            return None;
        };
        if is_lost {
            return None;
        }
        if rest.first() == Some(&0) {
            let message = rest.get(10..)?;
            // Get Channel Authentication Capabilities: IPMI 2.0, and users with names.
            let is_asked = message.get(5) == Some(&0x38);
            let data = [1, 0x80, 0x04, 0x02, 0, 0, 0, 0];
            let said = reply(message, 0, &data)?;
            let length = u8::try_from(said.len()).unwrap();
            return is_asked.then(|| [&[6, 0, 0xff, 7, 0], &[0; 8][..], &[length], &said].concat());
        }
        let (kind, payload) = (*rest.get(1)?, rest.get(12..)?);
        match kind {
            0x10 => self.open_session(payload),
            0x12 => self.rakp1(payload),
            0x14 => self.rakp3(payload),
            0xc0 => self.inside(rest),
            _ => None,
        }
    }

    fn password(&self) -> &'static [u8] {
        self.password.unwrap_or(PASSWORD).as_bytes()
    }

    fn open_session(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let (tag, console) = (*payload.first()?, word(payload, 4)?);
        let asked = [12, 20, 28].map(|at| payload.get(at).copied());
        if asked != SUITE.map(Some) {
            return Some(packet(0x11, &[tag, 0x11, 0, 0]));
        }
        if self.open() >= 4 {
            return Some(packet(0x11, &[tag, 0x01, 0, 0]));
        }
        // Those that were begun and never finished make room.
        self.sessions.retain(|_, session| session.keys.is_some());
        let own = 0x100 + u32::try_from(self.came).unwrap();
        let session = Session {
            console,
            ..Session::default()
        };
        self.sessions.insert(own, session);
        let mut said = vec![tag, 0, 4, 0];
        said.extend(console.to_le_bytes());
        said.extend(own.to_le_bytes());
        for (kind, algorithm) in (0..).zip(SUITE) {
            said.extend([kind, 0, 0, 8, algorithm, 0, 0, 0]);
        }
        Some(packet(0x11, &said))
    }

    fn rakp1(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let (tag, own) = (*payload.first()?, word(payload, 4)?);
        let password = self.password();
        self.tries += 1;
        let session = self.sessions.get_mut(&own)?;
        session.nonce = *payload.get(8..)?.first_chunk()?;
        let (role, user) = (*payload.get(24)?, payload.get(28..)?);
        if user != USER.as_bytes() {
            return Some(packet(0x13, &[tag, 0x0d, 0, 0]));
        }
        session.who = [&[role, *payload.get(27)?], user].concat();
        let (console, numbers) = (session.console.to_le_bytes(), own.to_le_bytes());
        let parts: [&[u8]; 6] = [
            &console,
            &numbers,
            &session.nonce,
            &nonce(own),
            &GUID,
            &session.who,
        ];
        let proof = sign(password, &parts);
        let said: [&[u8]; 5] = [&[tag, 0, 0, 0], &console, &nonce(own), &GUID, &proof];
        Some(packet(0x13, &said.concat()))
    }

    fn rakp3(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        let (tag, own) = (*payload.first()?, word(payload, 4)?);
        let password = self.password();
        let session = self.sessions.get_mut(&own)?;
        let console = session.console.to_le_bytes();
        let expected = sign(password, &[&nonce(own), &console, &session.who]);
        if payload.get(8..) != Some(&expected[..]) {
            self.sessions.remove(&own);
            return Some(packet(0x15, &[tag, 0x0f, 0, 0]));
        }
        let key = sign(password, &[&session.nonce, &nonce(own), &session.who]);
        session.keys = Some(Keys {
            signing: sign(&key, &[&[1; 20]]),
            encrypting: *sign(&key, &[&[2; 20]]).first_chunk()?,
        });
        let mut proof = sign(&key, &[&session.nonce, &own.to_le_bytes(), &GUID]);
        proof.truncate(16);
        self.opened += 1;
        self.most = self.most.max(self.open());
        let said: [&[u8]; 3] = [&[tag, 0, 0, 0], &console, &proof];
        Some(packet(0x15, &said.concat()))
    }

    /// A command in an open session.
    fn inside(&mut self, rest: &[u8]) -> Option<Vec<u8>> {
        let own = word(rest, 2)?;
        let keys = self.sessions.get(&own)?.keys.clone()?;
        let (signed, signature) = rest.split_at_checked(rest.len().checked_sub(16)?)?;
        if sign(&keys.signing, &[signed]).get(..16) != Some(signature) {
            return None;
        }
        let length = usize::from(u16::from_le_bytes(*signed.get(10..)?.first_chunk()?));
        let message = decrypted(&keys, signed.get(12..12 + length)?)?;
        let (completion, data) =
            self.command(*message.get(1)?, *message.get(5)?, message.get(6..)?)?;
        let said = reply(&message, completion, &data)?;
        let session = self.sessions.get_mut(&own)?;
        session.sent += 1;
        let sealed = sealed(&keys, session.console, session.sent, &said);
        if message.get(5) == Some(&0x3c) {
            self.sessions.remove(&own);
            self.closed += 1;
        }
        Some(sealed)
    }

    fn command(&mut self, function: u8, code: u8, data: &[u8]) -> Option<(u8, Vec<u8>)> {
        if self.manner == Manner::HangsInside && code != 0x3c {
            return None;
        }
        if self.manner == Manner::Resets {
            self.sessions.clear();
            self.manner = Manner::Fine;
            return None;
        }
        match (function >> 2, code) {
            (0x06, 0x3b) => Some((0, vec![*data.first()?])),
            (0x06, 0x3c) => Some((0, Vec::new())),
            (0x00, 0x01) if self.manner == Manner::Garbles => Some((0, vec![1])),
            (0x00, 0x01) => {
                self.looks += 1;
                let is_on = self.is_on && self.off_left == 0;
                self.off_left = self.off_left.saturating_sub(1);
                Some((0, vec![u8::from(is_on), 0, 0]))
            }
            (0x00, 0x02) => {
                if self.manner != Manner::Lies {
                    match data.first()? {
                        0 | 5 => self.is_on = false,
                        1 => self.is_on = true,
                        _ => self.off_left = self.off_for,
                    }
                }
                Some((0, Vec::new()))
            }
            // An event log that is empty, and may not be cleared.
            (0x0a, 0x42) => Some((0, vec![1, 0])),
            (0x0a, 0x43) => Some((0xcb, Vec::new())),
            (0x0a, 0x47) => Some((0xd4, Vec::new())),
            _ => Some((0xc1, Vec::new())),
        }
    }
}

/// Ours in a session; each session has another.
fn nonce(session: u32) -> [u8; 16] {
    (u128::from(session) | 0x5a << 120).to_le_bytes()
}

fn sign(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().to_vec()
}

/// A payload outside a session.
fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap().to_le_bytes();
    [&[6, 0, 0xff, 7, 6, kind], &[0; 8][..], &length, payload].concat()
}

/// The answer to a request.
fn reply(message: &[u8], completion: u8, data: &[u8]) -> Option<Vec<u8>> {
    let &[to, function, _, from, number, code, ..] = message else {
        return None;
    };
    let sum = |bytes: &[u8]| bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_sub(*byte));
    let head = [from, function | 0x04];
    let body = [&[to, number, code, completion], data].concat();
    let (head_sum, body_sum) = ([sum(&head)], [sum(&body)]);
    Some([&head[..], &head_sum, &body, &body_sum].concat())
}

fn decrypted(keys: &Keys, bytes: &[u8]) -> Option<Vec<u8>> {
    let (begin, padded) = bytes.split_first_chunk::<16>()?;
    let mut padded = padded.to_vec();
    let decryptor = cbc::Decryptor::<Aes128>::new((&keys.encrypting).into(), begin.into());
    decryptor.decrypt_padded::<NoPadding>(&mut padded).ok()?;
    let padding = usize::from(padded.pop()?);
    padded.truncate(padded.len().checked_sub(padding)?);
    Some(padded)
}

fn sealed(keys: &Keys, console: u32, sent: u32, message: &[u8]) -> Vec<u8> {
    let mut padded = message.to_vec();
    let padding = u8::try_from(15 - message.len() % 16).unwrap();
    padded.extend(1..=padding);
    padded.push(padding);
    let (begin, length) = (nonce(sent), padded.len());
    let encryptor = cbc::Encryptor::<Aes128>::new((&keys.encrypting).into(), (&begin).into());
    encryptor
        .encrypt_padded::<NoPadding>(&mut padded, length)
        .unwrap();
    let payload = [&begin[..], &padded].concat();
    let mut signed = vec![6, 0xc0];
    signed.extend(console.to_le_bytes());
    signed.extend(sent.to_le_bytes());
    signed.extend(u16::try_from(payload.len()).unwrap().to_le_bytes());
    signed.extend(payload);
    let filled = (4 - (signed.len() + 2) % 4) % 4;
    signed.extend(std::iter::repeat_n(0xff, filled));
    signed.extend([u8::try_from(filled).unwrap(), 0x07]);
    let mut signature = sign(&keys.signing, &[&signed]);
    signature.truncate(16);
    [&[6, 0, 0xff, 7], &signed[..], &signature].concat()
}
