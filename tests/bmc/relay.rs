//! A network that is at fault: a relay between a driver and a BMC, which also counts what passes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// What the relay does to datagrams, of both ways together.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    None,
    DropsEvery(usize),
    /// Everything comes twice.
    Doubles,
    /// An answer comes late: behind the next one.
    Delays,
    /// What came before comes again, ahead of each.
    Replays,
    /// Nothing comes any more, after so many.
    HangsAfter(usize),
    /// No answer comes any more.
    LosesAnswers,
}

/// A relay, until this value goes.
pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    seen: Arc<Mutex<Vec<Datagram>>>,
    task: JoinHandle<()>,
}

/// What came from either end.
#[derive(Debug, Clone)]
struct Datagram {
    is_answer: bool,
    bytes: Vec<u8>,
}

impl Relay {
    pub(crate) async fn start(bmc: SocketAddr, fault: Fault) -> Self {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        far.connect(bmc).await.unwrap();
        let (address, seen) = (near.local_addr().unwrap(), Arc::default());
        let fault = Arc::new(Mutex::new(fault));
        let task = tokio::spawn(run(near, far, Arc::clone(&fault), Arc::clone(&seen)));
        Self {
            address,
            fault,
            seen,
            task,
        }
    }

    /// How many datagrams the driver sent before a session with a payload of this number (IPMI 2.0, table 13-16).
    pub(crate) fn said(&self, payload: u8) -> usize {
        let seen = self.seen.lock().unwrap();
        let said = seen.iter().filter(|datagram| {
            let is_kind = datagram.bytes.get(4..6) == Some(&[0x06, payload]);
            !datagram.is_answer && is_kind
        });
        said.count()
    }

    /// What it does from now on.
    pub(crate) fn turns(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn run(
    near: UdpSocket,
    far: UdpSocket,
    fault: Arc<Mutex<Fault>>,
    seen: Arc<Mutex<Vec<Datagram>>>,
) {
    let (mut client, mut state) = (None, [None, None]);
    let (mut question, mut answer) = ([0; 2048], [0; 2048]);
    loop {
        let (is_answer, bytes) = tokio::select! {
            came = near.recv_from(&mut question) => {
                let (length, from) = came.unwrap();
                client = Some(from);
                (false, question[..length].to_vec())
            }
            came = far.recv(&mut answer) => match came {
                Ok(length) => (true, answer[..length].to_vec()),
                Err(_) => continue, // the BMC is starting anew
            },
        };
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.push(Datagram {
                is_answer,
                bytes: bytes.clone(),
            });
            seen.len()
        };
        let fault = *fault.lock().unwrap();
        for bytes in fault.makes_of(number, is_answer, bytes, &mut state[usize::from(is_answer)]) {
            let _lost = match (is_answer, client) {
                (false, _) => far.send(&bytes).await,
                (true, Some(client)) => near.send_to(&bytes, client).await,
                (true, None) => Ok(0),
            };
        }
    }
}

impl Fault {
    /// What becomes of the datagram with this number; `kept` is what the fault remembers of its way.
    fn makes_of(
        self,
        number: usize,
        is_answer: bool,
        bytes: Vec<u8>,
        kept: &mut Option<Vec<u8>>,
    ) -> Vec<Vec<u8>> {
        match self {
            Self::None => vec![bytes],
            Self::DropsEvery(nth) if number.is_multiple_of(nth) => vec![],
            Self::HangsAfter(most) if number > most => vec![],
            Self::LosesAnswers if is_answer => vec![],
            Self::DropsEvery(_) | Self::HangsAfter(_) | Self::LosesAnswers => vec![bytes],
            Self::Doubles => vec![bytes.clone(), bytes],
            Self::Replays => {
                let before = kept.replace(bytes.clone());
                before.into_iter().chain([bytes]).collect()
            }
            Self::Delays if !is_answer => vec![bytes],
            Self::Delays => match kept.take() {
                Some(late) => vec![bytes, late],
                None => {
                    *kept = Some(bytes);
                    vec![]
                }
            },
        }
    }
}
