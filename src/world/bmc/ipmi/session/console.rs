//! The serial console: a task that keeps the line, between a stream of keys and a stream of characters.

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinHandle;
use tokio::time::{Duration, Instant};

use super::super::codec::sol::{ACTIVATE, DEACTIVATE, Heard, INSTANCE, Line, owner, payload_size};
use super::super::codec::{Command, Completion, PayloadType, request};
use super::super::error::IpmiError;
use super::{Session, random};

/// How many pieces of text wait at most: for the BMC, and for who reads.
const WAITING: usize = 64;

/// A piece of text that is sent is not longer.
const PIECE: usize = 256;

/// After so long a silence the BMC is asked whether it is there, which keeps the session too: one on which nothing is said ends after a
/// minute (section 6.12.15).
const QUIET: Duration = Duration::from_secs(5);

/// And again, where no answer comes …
const AGAIN: Duration = Duration::from_secs(2);

/// … until it is given up.
const SILENT: Duration = Duration::from_secs(12);

/// A machine's serial console. Dropped instead of closed, it is given back as soon as its task notices.
pub struct Console {
    pub keys: ConsoleKeys,
    pub screen: ConsoleScreen,
    task: JoinHandle<()>,
}

/// What is typed at a console.
#[derive(Clone)]
pub struct ConsoleKeys(Sender<Typed>);

/// What a console shows.
pub struct ConsoleScreen(Receiver<Result<Vec<u8>, IpmiError>>);

enum Typed {
    Text(Vec<u8>),
    Break,
}

impl Console {
    /// Gives the console back, once what was typed is sent, and closes the session.
    pub async fn close(self) {
        drop((self.keys, self.screen));
        let _ended = self.task.await;
    }
}

impl ConsoleKeys {
    /// Types text. Waits while the BMC is slow to take it; false once the console has ended.
    pub async fn send(&self, text: &[u8]) -> bool {
        for piece in text.chunks(PIECE) {
            if self.0.send(Typed::Text(piece.to_vec())).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Types a break, which systems take for an urgent matter. False once the console has ended.
    pub async fn send_break(&self) -> bool {
        self.0.send(Typed::Break).await.is_ok()
    }
}

impl ConsoleScreen {
    /// What is shown next; none at the end. An end that nobody here asked for says why. Who does not read holds the machine's output up,
    /// and nothing of it is lost as long as the BMC keeps it.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, IpmiError>> {
        self.0.recv().await
    }
}

impl Session {
    /// Opens the machine's serial console (Serial over LAN). The session is the console's from then on. A console that somebody else has is
    /// [`IpmiError::ConsoleInUse`].
    pub async fn console(self) -> Result<Console, IpmiError> {
        self.opened(false).await
    }

    /// The same, but takes the console away from whoever has it.
    pub async fn take_console(self) -> Result<Console, IpmiError> {
        self.opened(true).await
    }

    async fn opened(mut self, takes: bool) -> Result<Console, IpmiError> {
        let mut line = self.activate().await;
        if takes && matches!(line, Err(IpmiError::ConsoleInUse)) {
            // Whoever may activate a payload may deactivate it, whosever it is (IPMI 2.0, section 24.2).
            let command = Command::DEACTIVATE_PAYLOAD;
            line = match self.answer(command, 0, &DEACTIVATE).await {
                Ok(_) => self.activate().await,
                Err(error) => Err(error),
            };
        }
        let mut line = match line {
            Ok(line) => line,
            Err(error) => {
                self.close().await;
                return Err(error);
            }
        };
        line.begin();
        let (keys, typed) = channel(WAITING);
        let (shown, screen) = channel(WAITING);
        let held = Held {
            session: self,
            line,
            shown,
            send_again: None,
            ignored: None,
            heard: Instant::now(),
            asked: Instant::now(),
            leaving: None,
        };
        Ok(Console {
            keys: ConsoleKeys(keys),
            screen: ConsoleScreen(screen),
            task: tokio::spawn(held.run(typed)),
        })
    }

    /// Activate Payload (section 24.1).
    async fn activate(&mut self) -> Result<Line, IpmiError> {
        let command = Command::ACTIVATE_PAYLOAD;
        let mut answered = self.answer(command, 0, &ACTIVATE).await?;
        if answered.completion == Completion(0x80) && self.has_line().await? {
            // It was activated for us, and the answer was lost.
            self.answer(Command::DEACTIVATE_PAYLOAD, 0, &DEACTIVATE)
                .await?;
            answered = self.answer(command, 0, &ACTIVATE).await?;
        }
        match answered.completion {
            Completion(0x80 | 0x82) => Err(IpmiError::ConsoleInUse),
            Completion(0x81) => Err(IpmiError::Unsupported(
                "the BMC has no serial console, or it is disabled",
            )),
            Completion(0x83 | 0x84) => Err(IpmiError::Unsupported(
                "the BMC does not encrypt its serial console",
            )),
            Completion(_) => {
                let data = answered.done(command)?;
                let size = payload_size(&data);
                let size = size.ok_or(IpmiError::Malformed("the activation of a console"))?;
                Ok(Line::new(size))
            }
        }
    }

    /// Whether this very session has the console.
    async fn has_line(&mut self) -> Result<bool, IpmiError> {
        let answered = self.answer(Command::PAYLOAD_INSTANCE, 0, &INSTANCE).await?;
        let data = answered.done(Command::PAYLOAD_INSTANCE).ok();
        let owner = data.as_deref().and_then(owner);
        Ok(owner == Some(self.channel.bmc_session()))
    }
}

/// A console that is in our hands.
struct Held {
    session: Session,
    line: Line,
    shown: Sender<Result<Vec<u8>, IpmiError>>,
    /// When what is on its way is to be sent again.
    send_again: Option<Instant>,
    /// Since when the BMC has nothing to say to what is on its way.
    ignored: Option<Instant>,
    /// When anything came from the BMC, and when it was last asked whether it is there.
    heard: Instant,
    asked: Instant,
    /// Until when what was typed may still be sent, once nobody types or nobody reads any more.
    leaving: Option<Instant>,
}

/// Why a console ends.
enum End {
    /// Nobody types or nobody reads any more.
    Left,
    /// The BMC said so.
    Taken,
    /// It says nothing to what is typed.
    Ignored,
    /// It says nothing at all.
    Silent,
    Fault(IpmiError),
}

impl Held {
    async fn run(mut self, mut typed: Receiver<Typed>) {
        let end = self.keep(&mut typed).await;
        let error = match end {
            End::Left => None,
            End::Taken => Some(IpmiError::ConsoleTaken),
            End::Fault(error) => Some(error),
            End::Silent => Some(IpmiError::ConsoleSilent(self.heard.elapsed())),
            // A BMC that answers in the session, and does not take what is typed, gave the line to somebody else.
            End::Ignored => match self.session.chassis_status().await {
                Ok(_) => Some(IpmiError::ConsoleTaken),
                Err(error) => Some(error),
            },
        };
        if let Some(error @ (IpmiError::Unreachable { .. } | IpmiError::ConsoleSilent(_))) = error {
            // Before it is taken leave of one that will not hear it: somebody waits.
            let _nobody = self.shown.send(Err(error)).await;
            self.session.close().await;
            return;
        }
        let _gone = self
            .session
            .answer(Command::DEACTIVATE_PAYLOAD, 0, &DEACTIVATE)
            .await;
        self.session.close().await;
        if let Some(error) = error {
            let _nobody = self.shown.send(Err(error)).await;
        }
    }

    async fn keep(&mut self, typed: &mut Receiver<Typed>) -> End {
        let mut is_typing = true;
        loop {
            if let Err(error) = self.say().await {
                return End::Fault(error);
            }
            let until = self.next_moment();
            tokio::select! {
                datagram = self.session.link.receive(until) => {
                    let datagram = datagram.map(<[u8]>::to_vec);
                    match self.hear(datagram.as_deref()).await {
                        Ok(false) => {}
                        Ok(true) => return End::Taken,
                        Err(error) => return End::Fault(error),
                    }
                }
                key = typed.recv(), if is_typing && self.line.has_room() => match key {
                    Some(Typed::Text(text)) => self.line.type_in(&text),
                    Some(Typed::Break) => self.line.type_break(),
                    None => {
                        is_typing = false;
                        self.leave();
                    }
                },
                () = self.shown.closed(), if self.leaving.is_none() => self.leave(),
            }
            let is_sent = self.line.is_idle() && typed.is_empty();
            if self
                .leaving
                .is_some_and(|last| is_sent || Instant::now() >= last)
            {
                return End::Left;
            }
            let patience = self.session.patience.total;
            if self.heard.elapsed() > SILENT {
                return End::Silent;
            }
            // One that is silent altogether is found to be so in a moment.
            let is_heard = self.heard.elapsed() < QUIET + AGAIN;
            let is_ignored = self.ignored.is_some_and(|since| since.elapsed() > patience);
            if is_ignored && is_heard {
                return End::Ignored;
            }
        }
    }

    fn leave(&mut self) {
        let last = Instant::now() + self.session.patience.total;
        self.leaving.get_or_insert(last);
    }

    /// Sends what is to be sent at this moment.
    async fn say(&mut self) -> Result<(), IpmiError> {
        let now = Instant::now();
        let packet = match self.send_again {
            Some(at) if now >= at => self.line.again(),
            Some(_) | None => self.line.next(),
        };
        if let Some(packet) = packet {
            self.send(PayloadType::SerialOverLan, &packet).await?;
            self.send_again = Some(now + self.session.patience.first);
            self.ignored.get_or_insert(now);
        } else if !self.line.is_waiting() {
            (self.send_again, self.ignored) = (None, None);
        }
        if self.sign_of_life() <= now {
            // Its answer is nothing but a sign of life.
            self.asked = now;
            let message = request(Command::CHASSIS_STATUS, 0, 0, &[]);
            self.send(PayloadType::Ipmi, &message).await?;
        }
        Ok(())
    }

    /// When something is to be sent if nothing happens before.
    fn next_moment(&self) -> Instant {
        let others = [self.send_again, self.leaving].into_iter().flatten();
        let others = others.fold(self.sign_of_life(), Instant::min);
        others.min(self.heard + SILENT)
    }

    /// When the BMC is to be asked whether it is there.
    fn sign_of_life(&self) -> Instant {
        match self.asked > self.heard {
            true => (self.asked + AGAIN).max(self.heard + QUIET),
            false => self.heard + QUIET,
        }
    }

    /// Whether the BMC ends it.
    async fn hear(&mut self, datagram: Option<&[u8]>) -> Result<bool, IpmiError> {
        let Some((kind, payload)) =
            datagram.and_then(|datagram| self.session.channel.unseal(datagram))
        else {
            return Ok(false);
        };
        self.heard = Instant::now();
        if kind != PayloadType::SerialOverLan {
            return Ok(false);
        }
        let has_room = self.shown.capacity() > 0;
        let Some(heard) = self.line.hear(&payload, has_room) else {
            return Ok(false);
        };
        if !self.line.has_sent() {
            self.ignored = None;
        }
        let Heard {
            characters,
            answer,
            has_ended,
        } = heard;
        if !characters.is_empty() {
            // There is room; whoever reads may be gone, which is noticed elsewhere.
            let _gone = self.shown.try_send(Ok(characters));
        }
        if let Some(answer) = answer {
            self.send(PayloadType::SerialOverLan, &answer).await?;
        }
        Ok(has_ended)
    }

    async fn send(&mut self, kind: PayloadType, payload: &[u8]) -> Result<(), IpmiError> {
        let packet = self.session.channel.seal(kind, payload, random()?);
        self.session.link.send(&packet).await;
        Ok(())
    }
}
