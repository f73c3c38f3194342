//! A network that is at fault: a relay between a driver and a BMC, which also counts what passes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::sleep;

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
    /// This one datagram does not come.
    Loses(usize),
    /// Every answer takes so long.
    Slow(Duration),
    /// The next answer does not come.
    LosesOneAnswer,
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
        let (address, seen) = (near.local_addr().unwrap(), Arc::default());
        let fault = Arc::new(Mutex::new(fault));
        let task = tokio::spawn(run(near, bmc, Arc::clone(&fault), Arc::clone(&seen)));
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

async fn to(bmc: SocketAddr) -> UdpSocket {
    let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    far.connect(bmc).await.unwrap();
    far
}

async fn run(
    near: UdpSocket,
    bmc: SocketAddr,
    fault: Arc<Mutex<Fault>>,
    seen: Arc<Mutex<Vec<Datagram>>>,
) {
    let (mut client, mut state) = (None, [None, None]);
    let (near, mut far) = (Arc::new(near), to(bmc).await);
    let (mut question, mut answer) = ([0; 2048], [0; 2048]);
    loop {
        let (is_answer, bytes) = tokio::select! {
            came = near.recv_from(&mut question) => {
                let (length, from) = came.unwrap();
                if client.replace(from) != Some(from) {
                    far = to(bmc).await; // as the port was another, so it is to the BMC
                }
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
            let _lost = match (is_answer, client, fault) {
                (false, ..) => far.send(&bytes).await,
                (true, None, _) => Ok(0),
                (true, Some(client), Fault::Slow(time)) => {
                    let near = Arc::clone(&near);
                    tokio::spawn(async move {
                        sleep(time).await;
                        let _lost = near.send_to(&bytes, client).await;
                    });
                    Ok(0)
                }
                (true, Some(client), _) => near.send_to(&bytes, client).await,
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
            Self::Loses(nth) if number == nth => vec![],
            Self::HangsAfter(most) if number > most => vec![],
            Self::LosesAnswers if is_answer => vec![],
            Self::LosesOneAnswer if is_answer && kept.is_none() => {
                *kept = Some(bytes);
                vec![]
            }
            Self::LosesOneAnswer => vec![bytes],
            Self::DropsEvery(_)
            | Self::Loses(_)
            | Self::Slow(_)
            | Self::HangsAfter(_)
            | Self::LosesAnswers => vec![bytes],
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
