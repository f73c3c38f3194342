//! An open session with a BMC: one command after the other, and a proper end.

mod boot;
mod chassis;
mod console;
mod inventory;
mod log;
mod network;
mod opening;
mod ping;
mod repository;
mod sensors;
mod users;

use getrandom::fill;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::codec::{
    Answer, Authentication, Channel, CipherSuite, Command, Completion, PayloadType, request,
    sessionless, sessionless_answer,
};
use super::error::IpmiError;
use super::socket::Link;
use super::target::{Patience, Target};

pub use console::{Console, ConsoleKeys, ConsoleScreen};
pub use log::LogPage;
pub use ping::{ping, system_uuid};

use repository::Repository;

/// A session. Commands are given one at a time; a session that is dropped instead of closed is closed as far as one datagram can do it.
pub struct Session {
    link: Link,
    channel: Channel,
    suite: CipherSuite,
    patience: Patience,
    /// Of the last request, in six bits.
    sequence: u8,
    state: State,
    /// Once it was asked for.
    records: Option<Repository>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The BMC forgot it.
    Lost,
    Closed,
}

/// Whether a command may be given once more when its answer does not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeat {
    /// To do it twice is as good as once: it is sent as a new packet, which a BMC answers again.
    Harmless,
    /// It is sent again as the same packet with the same numbers, which a BMC must drop when it came already (section 6.12.13). So
    /// a lost request is made good; a lost answer is not, and the outcome is then [`IpmiError::Unconfirmed`]. What cannot be
    /// excluded is a BMC that does not keep to the standard and carries out a packet as often as it comes (ipmi_sim does); so
    /// a slow one is waited for longer before anything is sent again.
    Never,
}

/// A request on its way.
struct Asking<'a> {
    channel: &'a mut Channel,
    /// It may hold a user's new password.
    message: Zeroizing<Vec<u8>>,
    repeat: Repeat,
    /// The packet that was sent last.
    packet: Option<Vec<u8>>,
    command: Command,
    sequence: u8,
}

/// What came back.
struct Answered {
    completion: Completion,
    data: Vec<u8>,
}

impl Session {
    /// Opens a session: one try with these credentials, however it ends.
    pub async fn open(target: &Target) -> Result<Self, IpmiError> {
        target.check()?;
        let mut link = Link::open(target.address).await?;
        let opened = opening::open(&mut link, target).await;
        let (channel, suite) = opened.map_err(|error| error.in_all(target.patience.total))?;
        let mut session = Self {
            link,
            channel,
            suite,
            patience: target.patience,
            sequence: 0,
            state: State::Open,
            records: None,
        };
        match opening::raise(&mut session, target.privilege).await {
            Ok(()) => Ok(session),
            Err(error) => {
                session.close().await;
                Err(error)
            }
        }
    }

    /// The cipher suite that was agreed on.
    pub fn suite(&self) -> CipherSuite {
        self.suite
    }

    /// From now on waits as long for answers.
    pub fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// Whether the BMC still knows the session. It is silent to those that it forgot, and whoever waits for the answer to a command hears
    /// of that late.
    pub async fn is_alive(&mut self) -> bool {
        let patience = Patience {
            first: self.patience.first / 2,
            total: self.patience.first * 4,
        };
        let witness = Command::CHASSIS_STATUS;
        let asked = self.ask(witness, 0, &[], Repeat::Harmless, patience);
        asked.await.is_ok()
    }

    /// Ends the session, so that the BMC has room for another. A BMC that does not answer forgets it by itself after a minute.
    pub async fn close(mut self) {
        if self.state == State::Open {
            // The answer to the first of them is all that there is: the session that would answer again is gone.
            let patience = Patience {
                total: self.patience.first * 3,
                ..self.patience
            };
            let number = self.channel.bmc_session().to_le_bytes();
            let _gone = self
                .ask(
                    Command::CLOSE_SESSION,
                    0,
                    &number,
                    Repeat::Harmless,
                    patience,
                )
                .await;
            self.state = State::Closed;
        }
    }

    /// Which sensors and parts there are.
    async fn records(&mut self) -> Result<&Repository, IpmiError> {
        let records = match self.records.take() {
            Some(records) => records,
            None => self.repository().await?,
        };
        Ok(self.records.insert(records))
    }

    /// The same for those who can do without: none where the BMC has no records, or none that can be read.
    async fn records_if_any(&mut self) -> Result<&Repository, IpmiError> {
        let read = match self.records.take() {
            Some(records) => Ok(records),
            None => self.repository().await,
        };
        let records = match read {
            Err(
                IpmiError::Refused { .. } | IpmiError::Malformed(_) | IpmiError::Unsupported(_),
            ) => Repository::default(),
            read => read?,
        };
        Ok(self.records.insert(records))
    }

    /// Gives a command that may be given again, and expects that it is done.
    async fn request(&mut self, command: Command, data: &[u8]) -> Result<Vec<u8>, IpmiError> {
        let answered = self.answer(command, 0, data).await?;
        answered.done(command)
    }

    /// Gives a command that may be given again; the completion code is the caller's to read.
    async fn answer(
        &mut self,
        command: Command,
        unit: u8,
        data: &[u8],
    ) -> Result<Answered, IpmiError> {
        let asked = self.patiently(command, unit, data, Repeat::Harmless).await;
        match asked {
            Err(error @ IpmiError::Unreachable { .. }) => Err(self.fate(error).await),
            asked => asked,
        }
    }

    /// Gives a command that must not be carried out twice.
    async fn request_once(&mut self, command: Command, data: &[u8]) -> Result<Vec<u8>, IpmiError> {
        match self.patiently(command, 0, data, Repeat::Never).await {
            Ok(answered) => answered.done(command),
            Err(error @ IpmiError::Unreachable { .. }) => {
                // That no answer came says nothing of the session: there is one answer, and it may be lost.
                let (witness, patience) = (Command::CHASSIS_STATUS, self.patience);
                let asked = self.ask(witness, 0, &[], Repeat::Harmless, patience);
                if asked.await.is_err() {
                    self.fate(error).await;
                }
                Err(IpmiError::Unconfirmed { command })
            }
            Err(error) => Err(error),
        }
    }

    /// Asks again while the BMC is busy: it did not do what it was told then.
    async fn patiently(
        &mut self,
        command: Command,
        unit: u8,
        data: &[u8],
        repeat: Repeat,
    ) -> Result<Answered, IpmiError> {
        let end = Instant::now() + self.patience.total;
        let mut pauses = self.patience.pauses();
        loop {
            let answered = self.ask(command, unit, data, repeat, self.patience).await?;
            let pause = pauses.next().unwrap_or(self.patience.first);
            if answered.completion != Completion::BUSY || Instant::now() + pause > end {
                return Ok(answered);
            }
            sleep(pause).await;
        }
    }

    async fn ask(
        &mut self,
        command: Command,
        unit: u8,
        data: &[u8],
        repeat: Repeat,
        patience: Patience,
    ) -> Result<Answered, IpmiError> {
        if self.state != State::Open {
            return Err(IpmiError::SessionLost);
        }
        self.sequence = (self.sequence + 1) & 0x3f;
        let patience = match repeat {
            Repeat::Harmless => patience,
            Repeat::Never => Patience {
                first: patience.first * 4,
                ..patience
            },
        };
        let mut asking = Asking {
            channel: &mut self.channel,
            message: Zeroizing::new(request(command, unit, self.sequence, data)),
            repeat,
            packet: None,
            command,
            sequence: self.sequence,
        };
        self.link
            .exchange(patience, &mut asking, Asking::say, Asking::hear)
            .await
    }

    /// Why a session's question was not answered: a BMC that answers without a session forgot it.
    async fn fate(&mut self, error: IpmiError) -> IpmiError {
        let patience = Patience {
            total: self.patience.first * 7,
            ..self.patience
        };
        match authentication(&mut self.link, patience).await {
            Ok(_) => {
                self.state = State::Lost;
                IpmiError::SessionLost
            }
            Err(_) => error,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if self.state != State::Open {
            return;
        }
        let number = self.channel.bmc_session().to_le_bytes();
        let sequence = (self.sequence + 1) & 0x3f;
        let message = request(Command::CLOSE_SESSION, 0, sequence, &number);
        if let Ok(begin) = random() {
            let packet = self.channel.seal(PayloadType::Ipmi, &message, begin);
            self.link.send_now(&packet);
        }
    }
}

impl Asking<'_> {
    fn say(&mut self) -> Result<Vec<u8>, IpmiError> {
        match (self.repeat, &self.packet) {
            (Repeat::Never, Some(packet)) => Ok(packet.clone()),
            (Repeat::Never | Repeat::Harmless, _) => {
                let packet = self
                    .channel
                    .seal(PayloadType::Ipmi, &self.message, random()?);
                self.packet = Some(packet.clone());
                Ok(packet)
            }
        }
    }

    fn hear(&mut self, datagram: &[u8]) -> Option<Answered> {
        let (kind, payload) = self.channel.unseal(datagram)?;
        if kind != PayloadType::Ipmi {
            return None;
        }
        let answer = Answer::read(&payload, self.command, self.sequence)?;
        Some(Answered {
            completion: Completion(answer.completion),
            data: answer.data.to_vec(),
        })
    }
}

impl Answered {
    /// The data, where the command was carried out.
    fn done(self, command: Command) -> Result<Vec<u8>, IpmiError> {
        match self.completion {
            Completion::DONE => Ok(self.data),
            code => Err(IpmiError::Refused { command, code }),
        }
    }
}

/// Whether the BMC speaks IPMI 2.0, asked without a session. None where it does not like the question.
async fn authentication(
    link: &mut Link,
    patience: Patience,
) -> Result<Option<Authentication>, IpmiError> {
    let [number] = random::<1>()?;
    let sequence = number & 0x3f;
    let message = request(
        Command::AUTHENTICATION,
        0,
        sequence,
        &Authentication::REQUEST,
    );
    let datagram = sessionless(&message);
    let say = |(): &mut ()| Ok(datagram.clone());
    let hear = |(): &mut (), datagram: &[u8]| {
        let message = sessionless_answer(datagram)?;
        let answer = Answer::read(message, Command::AUTHENTICATION, sequence)?;
        Some((answer.completion == 0).then(|| Authentication::read(answer.data)))
    };
    match link.exchange(patience, &mut (), say, hear).await? {
        None => Ok(None),
        Some(Some(answer)) => Ok(Some(answer)),
        Some(None) => Err(IpmiError::Malformed("authentication capabilities")),
    }
}

fn random<const N: usize>() -> Result<[u8; N], IpmiError> {
    let mut bytes = [0; N];
    fill(&mut bytes).map_err(|_| IpmiError::NoRandomness)?;
    Ok(bytes)
}
