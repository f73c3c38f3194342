//! Opens a session: finds the suite, proves the password, and asks for the privilege.

use tokio::time::Instant;

use super::super::codec::{
    Channel, CipherSuite, Command, Completion, Fault, Handshake, PayloadType, before_session,
    unsealed,
};
use super::super::error::{IpmiError, Refusal};
use super::super::socket::Link;
use super::super::target::{Patience, Privilege, Target};
use super::{Session, authentication, random};

/// How often the key exchange is begun anew because the BMC says that it lost its thread. A refusal is never asked for again.
const BEGINNINGS: usize = 3;

/// Opens a session in the first suite that the BMC speaks.
pub(super) async fn open(
    link: &mut Link,
    target: &Target,
) -> Result<(Channel, CipherSuite), IpmiError> {
    let end = Instant::now() + target.patience.total;
    let told = authentication(link, target.patience).await?;
    if told.is_some_and(|told| !told.speaks_rmcp_plus) {
        return Err(IpmiError::Unsupported("the BMC does not speak IPMI 2.0"));
    }
    let [tag] = random()?;
    let mut opening = Opening {
        link,
        target,
        suite: CipherSuite::Sha256,
        end,
        tag,
    };
    for suite in &target.suites {
        opening.suite = *suite;
        match opening.run().await {
            Ok(channel) => return Ok((channel, *suite)),
            Err(IpmiError::NoSuite(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Err(IpmiError::NoSuite(target.suites.clone()))
}

/// Set Session Privilege Level (section 22.18): a session begins with what a user may do.
pub(super) async fn raise(session: &mut Session, privilege: Privilege) -> Result<(), IpmiError> {
    let (command, level) = (Command::SET_PRIVILEGE, [privilege.number()]);
    let answered = session.answer(command, 0, &level).await?;
    match answered.completion {
        Completion(0x80..=0x82) => Err(IpmiError::Credentials(Refusal::Privilege)),
        Completion(_) => answered.done(command).map(|_| ()),
    }
}

/// The key exchange in one suite.
struct Opening<'a> {
    link: &'a mut Link,
    target: &'a Target,
    suite: CipherSuite,
    end: Instant,
    /// Of the message that was sent last.
    tag: u8,
}

/// One message of the key exchange and its answer.
#[derive(Clone, Copy)]
struct Step {
    said: PayloadType,
    heard: PayloadType,
    patience: Patience,
    /// Only the first of several such messages is answered. Otherwise the BMC goes on from the last that it heard, and the
    /// answers to those before are nothing to go on from.
    is_answered_once: bool,
}

impl Opening<'_> {
    async fn run(&mut self) -> Result<Channel, IpmiError> {
        let (mut patience, mut left) = (self.target.patience, BEGINNINGS);
        loop {
            match self.exchange_keys(patience).await {
                // An answer was lost that the BMC does not repeat: it took the step already.
                Err(IpmiError::Unreachable { .. }) if Instant::now() < self.end => {}
                Err(IpmiError::SessionLost) if left > 0 => left -= 1,
                Err(IpmiError::SessionLost) => {
                    return Err(IpmiError::NoSession("it keeps forgetting it".to_owned()));
                }
                ended => return ended,
            }
            // From another port: some BMCs know a session by where it comes from, and go on with the one they have.
            *self.link = Link::open(self.target.address).await?;
            // It may be that the BMC is slow, and nothing is lost.
            patience.first *= 2;
        }
    }

    async fn exchange_keys(&mut self, patience: Patience) -> Result<Channel, IpmiError> {
        let target = self.target;
        let session = u32::from_le_bytes(random()?).max(1);
        let handshake = Handshake {
            suite: self.suite,
            privilege: target.privilege.number(),
            user: &target.user,
            password: target.password.bytes(),
            bmc_key: target.bmc_key.as_ref().map(|key| key.bytes()),
            session,
            nonce: random()?,
        };
        let step = Step {
            said: PayloadType::OpenRequest,
            heard: PayloadType::OpenResponse,
            patience,
            is_answered_once: false,
        };
        let say = |tag| handshake.open_request(tag);
        let hear = |tag, payload: &[u8]| handshake.hear_open(tag, payload);
        let bmc_session = self.step(step, say, hear).await?;

        let step = Step {
            said: PayloadType::Rakp1,
            heard: PayloadType::Rakp2,
            // Three times; then it is begun anew, for some BMCs answer only once.
            patience: Patience {
                total: patience.first * 7,
                ..patience
            },
            ..step
        };
        let say = |tag| handshake.rakp1(tag, bmc_session);
        let hear = |tag, payload: &[u8]| handshake.hear_rakp2(tag, bmc_session, payload);
        let proven = self.step(step, say, hear).await;
        if proven == Err(IpmiError::Credentials(Refusal::Password)) {
            let refusal = Handshake::rakp3_refusal(self.tag, bmc_session);
            let datagram = unsealed(PayloadType::Rakp3, &refusal);
            self.link.send(&datagram).await;
        }
        let bmc = proven?;

        let step = Step {
            said: PayloadType::Rakp3,
            heard: PayloadType::Rakp4,
            is_answered_once: true,
            ..step
        };
        let say = |tag| handshake.rakp3(tag, bmc_session, &bmc);
        let hear = |tag, payload: &[u8]| handshake.hear_rakp4(tag, bmc_session, &bmc, payload);
        let keys = self.step(step, say, hear).await?;
        Ok(Channel::new(keys, session, bmc_session))
    }

    /// Sends one message until its answer comes.
    async fn step<T>(
        &mut self,
        step: Step,
        say: impl Fn(u8) -> Vec<u8>,
        hear: impl Fn(u8, &[u8]) -> Option<Result<T, Fault>>,
    ) -> Result<T, IpmiError> {
        let left = self.end.saturating_duration_since(Instant::now());
        let patience = Patience {
            total: step.patience.total.min(left),
            ..step.patience
        };
        self.tag = self.tag.wrapping_add(1);
        let say = |tag: &mut u8| {
            if !step.is_answered_once {
                *tag = tag.wrapping_add(1);
            }
            Ok(unsealed(step.said, &say(*tag)))
        };
        let hear = |tag: &mut u8, datagram: &[u8]| {
            let payload = before_session(datagram, step.heard)?;
            hear(*tag, payload)
        };
        let answer = self.link.exchange(patience, &mut self.tag, say, hear).await;
        answer?.map_err(|fault| self.error(fault))
    }

    fn error(&self, fault: Fault) -> IpmiError {
        match fault {
            Fault::Refused(status) if status.is_of_suite() => IpmiError::NoSuite(vec![self.suite]),
            Fault::Refused(status) if status.is_full() => IpmiError::NoRoom,
            Fault::Refused(status) if status.is_forgotten() => IpmiError::SessionLost,
            Fault::Refused(status) => match status.refusal() {
                Some(refusal) => IpmiError::Credentials(refusal),
                None => IpmiError::NoSession(status.to_string()),
            },
            Fault::Downgrade(answered) => IpmiError::Downgrade {
                asked: self.suite,
                answered,
            },
            Fault::Password => IpmiError::Credentials(Refusal::Password),
            Fault::Key if self.target.bmc_key.is_none() => IpmiError::Credentials(Refusal::NoKey),
            Fault::Key => IpmiError::Credentials(Refusal::Key),
            Fault::Malformed => IpmiError::Malformed("the opening of a session"),
        }
    }
}
