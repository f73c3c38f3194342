//! A UDP socket to one BMC: questions that are asked anew until an answer comes or patience ends.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::error::IpmiError;
use super::target::Patience;

/// A BMC that was not heard yet is asked so often again once the network said that its port is closed. It may say so once: networks
/// say such things a few times a second at most.
const AGAIN: u32 = 2;

/// More than any datagram of IPMI has; a longer one is cut, and then no longer signed.
const LONGEST: usize = 2048;

/// The way to a BMC. Datagrams of others never come in by it.
pub(super) struct Link {
    socket: UdpSocket,
    address: SocketAddr,
    buffer: Box<[u8]>,
    /// What the network said last. Of a BMC that was heard it is not believed: one that starts anew refuses for a moment.
    said: Option<ErrorKind>,
    /// Whether anything ever came from there.
    is_heard: bool,
    /// Whether the network said that its port is closed, before anything came from there.
    is_refused: bool,
}

impl Link {
    pub(super) async fn open(address: SocketAddr) -> Result<Self, IpmiError> {
        let own: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let fault = |error: io::Error| IpmiError::Network(error.kind());
        let socket = UdpSocket::bind(own).await.map_err(fault)?;
        socket.connect(address).await.map_err(fault)?;
        Ok(Self {
            socket,
            address,
            buffer: vec![0; LONGEST].into_boxed_slice(),
            said: None,
            is_heard: false,
            is_refused: false,
        })
    }

    /// Says what `say` makes, and again after each pause, until `hear` hears the answer. Both share `state`.
    pub(super) async fn exchange<S, T>(
        &mut self,
        patience: Patience,
        state: &mut S,
        say: impl Fn(&mut S) -> Result<Vec<u8>, IpmiError>,
        hear: impl Fn(&mut S, &[u8]) -> Option<T>,
    ) -> Result<T, IpmiError> {
        let end = Instant::now() + patience.total;
        let mut refused = 0;
        for pause in patience.pauses() {
            let datagram = say(state)?;
            self.send(&datagram).await;
            let sent = Instant::now();
            let soon = end.min(sent + patience.first);
            let until = match self.is_refused {
                true => soon,
                false => end.min(sent + pause),
            };
            while let Some(datagram) = self.receive(until).await {
                if let Some(answer) = hear(state, datagram) {
                    return Ok(answer);
                }
            }
            if self.is_refused {
                refused += 1;
                if refused > AGAIN {
                    return Err(IpmiError::Closed(self.address));
                }
                sleep_until(soon).await;
            }
            if Instant::now() >= end {
                break;
            }
        }
        Err(IpmiError::Unreachable {
            address: self.address,
            within: patience.total,
            network: self.said,
        })
    }

    /// A datagram that is lost on its way and one that cannot be sent are the same to who waits for its answer.
    pub(super) async fn send(&mut self, datagram: &[u8]) {
        if let Err(error) = self.socket.send(datagram).await {
            self.network_says(error.kind());
        }
    }

    /// The same for one who cannot wait.
    pub(super) fn send_now(&self, datagram: &[u8]) {
        let _lost = self.socket.try_send(datagram);
    }

    fn network_says(&mut self, kind: ErrorKind) {
        self.said = Some(kind);
        self.is_refused |= kind == ErrorKind::ConnectionRefused && !self.is_heard;
    }

    /// The next datagram before a moment, or before the network says that nobody has been heard there and nobody listens.
    pub(super) async fn receive(&mut self, until: Instant) -> Option<&[u8]> {
        // The clock is looked at each time: a flood of datagrams must not keep a time limit from being noticed.
        while Instant::now() < until {
            match timeout_at(until, self.socket.recv(&mut self.buffer)).await {
                Ok(Ok(length)) => {
                    (self.is_heard, self.is_refused) = (true, false);
                    return self.buffer.get(..length);
                }
                Ok(Err(error)) => {
                    self.network_says(error.kind());
                    if error.kind() != ErrorKind::ConnectionRefused {
                        sleep_until(until).await;
                    } else if !self.is_heard {
                        return None;
                    }
                }
                Err(_) => return None,
            }
        }
        None
    }
}
