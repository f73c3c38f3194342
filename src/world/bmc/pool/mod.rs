//! Sessions with many BMCs: few at a time, one with each, and kept for a moment for whoever asks next. Knows no site; whom to ask, and
//! with which secret, it is told when the turn has come.

mod seal;
mod shelf;
mod standing;
mod turns;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::{BmcError, Session, Target, Trouble};
use crate::base::digest::Digest;
use shelf::{Found, Shelf};
use standing::{Standing, Standings};
use turns::{Turn, Turns};

/// How long a session that nobody uses is kept: a command that looks again and again needs one, and BMCs end those of a minute by themselves.
const KEPT: Duration = Duration::from_secs(10);

/// How long a BMC may take to end a session; what it does not end then it forgets.
const CLOSED_WITHIN: Duration = Duration::from_secs(3);

/// How long all of them may take when the daemon ends.
const ENDED_WITHIN: Duration = Duration::from_secs(5);

/// Who asks a BMC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Somebody who waits for the answer: asked whatever was before, and the session is kept for the next question.
    Operator,
    /// Nobody in particular: a BMC that failed is left alone for a while, one that refused us until we have something new to show, and
    /// one that somebody speaks with is not waited for.
    Poll,
}

/// Why there was no session to do something with.
#[derive(Debug)]
pub enum PoolError<E> {
    /// It could not be opened.
    Bmc(BmcError),
    /// The caller's own: of making the target, or of what was done with the session.
    Own(E),
    /// The BMC refused these very credentials: they are not shown to it again by themselves.
    Refused,
    /// It failed of late, and is left alone until then.
    NotBefore(Instant),
    /// Somebody else speaks with it.
    Busy,
    /// The daemon ends.
    Ending,
}

/// All sessions of a daemon.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    turns: Turns,
    shelf: Mutex<Shelf<Session>>,
    standings: Mutex<Standings>,
    /// Whether the daemon ends.
    ending: watch::Sender<bool>,
}

/// A session in use, and leave to use it. One that is dropped amid something is closed all the same: BMCs have few.
struct Held {
    session: Option<Session>,
    turn: Option<Turn>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(session), turn) = (self.session.take(), self.turn.take()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                close(session).await;
                drop(turn);
            });
        }
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self(Arc::new(Inner {
            turns: Turns::default(),
            shelf: Mutex::new(Shelf::new(KEPT)),
            standings: Mutex::default(),
            ending: watch::channel(false).0,
        }))
    }
}

impl Pool {
    /// Does `what` in a session with the BMC at `address`: one that is open still, or a new one. `target` is made once the turn has come,
    /// so that a secret is read when it is used. The session is kept or closed, however that ends.
    ///
    /// # Errors
    /// Where there is no session, and where `what` fails.
    pub async fn with<T, E>(
        &self,
        address: IpAddr,
        caller: Caller,
        target: impl AsyncFnOnce() -> Result<Target, E>,
        what: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, PoolError<E>> {
        if caller == Caller::Poll
            && let Some(until) = self.standings().not_before(address, Instant::now())
        {
            return Err(PoolError::NotBefore(until));
        }
        let mut ending = self.0.ending.subscribe();
        let work = self.work(address, caller, target, what);
        tokio::select! {
            biased;
            _ = ending.wait_for(|ends| *ends) => Err(PoolError::Ending),
            done = work => done,
        }
    }

    async fn work<T, E>(
        &self,
        address: IpAddr,
        caller: Caller,
        target: impl AsyncFnOnce() -> Result<Target, E>,
        what: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, PoolError<E>> {
        let turn = match caller {
            Caller::Operator => self.0.turns.take(address).await?,
            Caller::Poll => self.0.turns.take_if_idle(address).await?,
        };
        let target = target().await.map_err(PoolError::Own)?;
        let seals = (target.seal(), target.account());
        let (mut held, was_kept) = self.open(address, caller, (target, seals), turn).await?;
        let Some(session) = held.session.as_mut() else {
            return Err(PoolError::Ending);
        };
        let done = what(session).await.map_err(PoolError::Own);
        let is_kept = done.is_ok() && (was_kept || caller == Caller::Operator);
        match held.session.take() {
            Some(session) if is_kept => self.keep(address, seals.0, session),
            Some(session) => close(session).await,
            None => {}
        }
        done
    }

    /// A session that is known to work, and whether it was open before.
    async fn open<E>(
        &self,
        address: IpAddr,
        caller: Caller,
        (target, (seal, account)): (Target, (Digest, Digest)),
        turn: Turn,
    ) -> Result<(Held, bool), PoolError<E>> {
        let found = self.shelf().take(address, seal);
        match found {
            Found::Same(session) => {
                let mut held = Held {
                    session: Some(session),
                    turn: None,
                };
                // Nothing may depend on one that the BMC forgot meanwhile.
                let is_alive = match held.session.as_mut() {
                    Some(session) => session.is_alive().await,
                    None => false,
                };
                if is_alive {
                    held.turn = Some(turn);
                    return Ok((held, true));
                }
                // A BMC that forgot it has room for another, and one that did not must have.
                if let Some(session) = held.session.take() {
                    close(session).await;
                }
            }
            Found::Other(session) => close(session).await,
            Found::Nothing => {}
        }
        if caller == Caller::Poll && self.standings().is_refused(address, account) {
            return Err(PoolError::Refused);
        }
        let opened = opened(target, turn).await;
        let standing = match &opened {
            Ok(_) => Standing::Good,
            Err(error) if error.trouble() == Trouble::Credentials => Standing::Refused(account),
            Err(_) => Standing::Failed,
        };
        self.standings().came(address, standing, Instant::now());
        opened.map(|held| (held, false)).map_err(PoolError::Bmc)
    }

    fn keep(&self, address: IpAddr, seal: Digest, session: Session) {
        let put = self.shelf().put(address, seal, session, Instant::now());
        if let Some(surplus) = put.surplus {
            tokio::spawn(close(surplus));
        }
        if put.is_first {
            tokio::spawn(self.clone().sweep());
        }
    }

    /// Closes what nobody came for, until there is nothing left.
    async fn sweep(self) {
        loop {
            let Some(due) = self.shelf().due() else {
                return;
            };
            sleep_until(due).await;
            let over = self.shelf().over(Instant::now());
            for session in over {
                tokio::spawn(close(session));
            }
        }
    }

    /// Forgets what is known of BMCs that are no longer asked.
    pub fn retain(&self, is_known: impl Fn(IpAddr) -> bool) {
        self.standings().retain(is_known);
    }

    /// Closes all sessions; no other is opened. What is under way ends there.
    pub async fn end(&self) {
        self.0.ending.send_replace(true);
        let all = async {
            self.0.turns.end().await;
            let kept = self.shelf().all();
            let closed: tokio::task::JoinSet<()> = kept.into_iter().map(close).collect();
            closed.join_all().await;
        };
        let _late = timeout(ENDED_WITHIN, all).await;
    }

    // What is locked is whole at each moment.
    fn shelf(&self) -> MutexGuard<'_, Shelf<Session>> {
        self.0.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn standings(&self) -> MutexGuard<'_, Standings> {
        let standings = self.0.standings.lock();
        standings.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a session in a task of its own: whoever gives up waiting leaves none behind that nobody closes.
async fn opened(target: Target, turn: Turn) -> Result<Held, BmcError> {
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let opened = target.open().await.map(|session| Held {
            session: Some(session),
            turn: Some(turn),
        });
        // One that nobody waits for is closed as it is dropped.
        drop(tell.send(opened));
    });
    match told.await {
        Ok(opened) => opened,
        // Only the runtime's end ends the task before it has told.
        Err(_) => Err(super::ipmi::IpmiError::SessionLost.into()),
    }
}

async fn close(session: Session) {
    let _late = timeout(CLOSED_WITHIN, session.close()).await;
}
