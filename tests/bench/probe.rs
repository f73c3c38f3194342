//! A client that asks for one offer after another, through a relay agent's address, and sees when it is answered and when not.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::site::SERVER;
use crate::support::sandbox::Namespace;

/// How long nothing may be heard before a server counts as dead.
const PATIENCE: Duration = Duration::from_secs(120);

/// One DISCOVER after another from one socket.
pub(crate) struct Probe {
    socket: UdpSocket,
    relay: Ipv4Addr,
    number: u32,
}

impl Probe {
    pub(crate) fn new(client: &Namespace, relay: Ipv4Addr) -> Self {
        let socket = client.run(|| UdpSocket::bind((relay, 67))).unwrap();
        socket.connect((SERVER, 67)).unwrap();
        let timeout = Duration::from_millis(10);
        socket.set_read_timeout(Some(timeout)).unwrap();
        Self {
            socket,
            relay,
            number: 0,
        }
    }

    /// When `mac` was first offered `address`.
    pub(crate) fn until_offered(&mut self, mac: [u8; 6], address: Ipv4Addr) -> Instant {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if self.offer(mac) == Some(address) {
                return Instant::now();
            }
            // A port that is not open yet refuses at once, and an offer of another address does not change at once.
            thread::sleep(Duration::from_micros(500));
        }
        panic!("{address} was never offered");
    }

    /// The longest time between two offers to `mac`, until `stop`.
    #[allow(dead_code, reason = "not every benchmark asks for it")]
    pub(crate) fn longest_silence(&mut self, mac: [u8; 6], stop: &AtomicBool) -> Duration {
        let (mut last, mut longest) = (Instant::now(), Duration::ZERO);
        while !stop.load(Ordering::Relaxed) {
            if self.offer(mac).is_some() {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            // A steady client rather than a flood.
            thread::sleep(Duration::from_millis(1));
        }
        longest.max(last.elapsed())
    }

    /// The longest wait for an offer to `mac`, from what it asked until it was answered, until `end`.
    #[allow(dead_code, reason = "not every benchmark asks for it")]
    pub(crate) fn longest_wait(&mut self, mac: [u8; 6], end: Instant) -> Duration {
        let (mut asked, mut longest) = (Instant::now(), Duration::ZERO);
        while asked < end {
            // What is not answered in time is asked again, and the wait goes on.
            if self.offer(mac).is_some() {
                longest = longest.max(asked.elapsed());
                thread::sleep(Duration::from_millis(1));
                asked = Instant::now();
            }
        }
        longest
    }

    /// The address offered for one DISCOVER (RFC 2131 2 and 3), if the answer comes in time.
    fn offer(&mut self, mac: [u8; 6]) -> Option<Ipv4Addr> {
        self.number += 1;
        let number = self.number.to_be_bytes();
        let mut bytes = [0; 300];
        bytes[..4].copy_from_slice(&[1, 1, 6, 1]);
        bytes[4..8].copy_from_slice(&number);
        bytes[24..28].copy_from_slice(&self.relay.octets());
        bytes[28..34].copy_from_slice(&mac);
        bytes[236..240].copy_from_slice(&[99, 130, 83, 99]);
        bytes[240..249].copy_from_slice(&[53, 1, 1, 55, 3, 1, 3, 6, 255]);
        self.socket.send(&bytes).ok()?;
        let mut answer = [0; 1500];
        loop {
            let length = self.socket.recv(&mut answer).ok()?;
            if length > 240 && answer[4..8] == number {
                return Some(Ipv4Addr::new(
                    answer[16], answer[17], answer[18], answer[19],
                ));
            }
        }
    }
}
