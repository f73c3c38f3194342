//! Sessions with many BMCs: few at a time, one with each, and kept for a moment for whoever asks next.

mod prove;
mod seal;
mod shelf;
mod standing;
mod turns;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::{BmcError, Session, Target, TargetError, Trouble};
use crate::base::bmc::BmcAddress;
use crate::base::digest::Digest;
use crate::site::model::Bmc;
use crate::world::https::Trust;
use prove::Refusals;
use shelf::{Found, Shelf};
use standing::{Standing, Standings};
pub use turns::POLLED;
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
    /// A plan or its apply: waits for the answer too, and shows no BMC what that refused before, since plans are made again and again.
    Plan,
    /// Nobody in particular: a BMC that failed is left alone for a while, one that refused us until we have something new to show, and
    /// one that somebody speaks with is not waited for.
    Poll,
}

/// Why there was no session to do something with.
#[derive(Debug)]
pub enum PoolError<E> {
    /// What the site names to be let in by cannot be read.
    Target(TargetError),
    /// It could not be opened.
    Bmc(BmcError),
    /// The caller's own, of what was done with the session.
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
    trust: Trust,
    turns: Turns,
    shelf: Mutex<Shelf<Session>>,
    standings: Mutex<Standings>,
    refusals: Mutex<Refusals>,
    /// Whether the daemon ends.
    ending: watch::Sender<bool>,
}

/// A session in use, and leave to use it. One that is dropped amid something is closed all the same: BMCs have few.
struct Held {
    session: Option<Session>,
    turn: Arc<Turn>,
}

impl Held {
    fn new(session: Session, turn: &Arc<Turn>) -> Self {
        Self {
            session: Some(session),
            turn: Arc::clone(turn),
        }
    }

    async fn is_alive(&mut self) -> bool {
        match self.session.as_mut() {
            Some(session) => session.is_alive().await,
            None => false,
        }
    }

    async fn close(mut self) {
        if let Some(session) = self.session.take() {
            close(session).await;
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (session, turn) = (self.session.take(), Arc::clone(&self.turn));
        if let Some(session) = session
            && let Ok(runtime) = Handle::try_current()
        {
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
            trust: Trust::default(),
            turns: Turns::default(),
            shelf: Mutex::new(Shelf::new(KEPT)),
            standings: Mutex::default(),
            refusals: Mutex::default(),
            ending: watch::channel(false).0,
        }))
    }
}

impl Pool {
    /// Whom the controller's system trusts.
    pub fn trust(&self) -> Trust {
        self.0.trust.clone()
    }

    /// Does `what` in a session with a BMC: one that is open still, or a new one. Secrets are read once the turn has come: nobody holds one
    /// while he waits. The session is kept or closed, however that ends.
    ///
    /// # Errors
    /// Where there is no session, and where `what` fails.
    pub async fn with<T, E>(
        &self,
        bmc: &Bmc,
        caller: Caller,
        what: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, PoolError<E>> {
        if caller == Caller::Poll
            && let Some(until) = self.standings().not_before(bmc.address(), Instant::now())
        {
            return Err(PoolError::NotBefore(until));
        }
        let mut ending = self.0.ending.subscribe();
        let work = self.work(bmc, caller, what);
        tokio::select! {
            biased;
            _ = ending.wait_for(|ends| *ends) => Err(PoolError::Ending),
            done = work => done,
        }
    }

    async fn work<T, E>(
        &self,
        bmc: &Bmc,
        caller: Caller,
        what: impl AsyncFnOnce(&mut Session) -> Result<T, E>,
    ) -> Result<T, PoolError<E>> {
        let address = bmc.address();
        let turns = &self.0.turns;
        let turn = Arc::new(match caller {
            Caller::Operator | Caller::Plan => turns.take(address).await?,
            Caller::Poll => turns.take_if_idle(address).await?,
        });
        let target = Target::of(bmc, &self.0.trust).await;
        let target = target.map_err(PoolError::Target)?;
        let seals = (target.seal(), target.account());
        let (mut held, was_kept) = self.open(address, caller, (target, seals), turn).await?;
        let Some(session) = held.session.as_mut() else {
            return Err(PoolError::Ending);
        };
        let done = what(session).await.map_err(PoolError::Own);
        let is_kept = done.is_ok() && (was_kept || caller != Caller::Poll);
        match held.session.take_if(|_| is_kept) {
            Some(session) => self.keep(address, seals.0, session),
            None => held.close().await,
        }
        done
    }

    /// A session that is known to work, and whether it was open before.
    async fn open<E>(
        &self,
        address: BmcAddress,
        caller: Caller,
        (target, (seal, account)): (Target, (Digest, Digest)),
        turn: Arc<Turn>,
    ) -> Result<(Held, bool), PoolError<E>> {
        let found = self.shelf().take(address, seal);
        match found {
            Found::Nothing => {}
            Found::Same(session) => {
                let mut held = Held::new(session, &turn);
                // Nothing may depend on one that the BMC forgot meanwhile.
                match held.is_alive().await {
                    true => return Ok((held, true)),
                    false => held.close().await,
                }
            }
            Found::Other(session) => Held::new(session, &turn).close().await,
        }
        if caller != Caller::Operator && self.standings().is_refused(address, account) {
            return Err(PoolError::Refused);
        }
        let opened = opened(target, turn).await;
        let standing = match &opened {
            Ok(_) => Standing::Good,
            // It is well: another machine behind it may be asked.
            Err(error) if error.is_of_the_machine() => Standing::Good,
            Err(error) if error.trouble() == Trouble::Credentials => Standing::Refused(account),
            Err(_) => Standing::Failed,
        };
        self.standings().came(address, standing, Instant::now());
        opened.map(|held| (held, false)).map_err(PoolError::Bmc)
    }

    fn keep(&self, address: BmcAddress, seal: Digest, session: Session) {
        let put = self.shelf().put(address, seal, session, Instant::now());
        if let Some(surplus) = put.surplus {
            tokio::spawn(self.clone().retire(surplus));
        }
        if put.needs_sweep {
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
            let retired: JoinSet<()> = over
                .into_iter()
                .map(|address| self.clone().retire(address))
                .collect();
            retired.join_all().await;
        }
    }

    /// Closes what is kept for a BMC, unless somebody came for it meanwhile.
    async fn retire(self, address: BmcAddress) {
        let Ok(turn) = self.0.turns.take::<()>(address).await else {
            return;
        };
        let over = self.shelf().take_over(address, Instant::now());
        if let Some(session) = over {
            Held::new(session, &Arc::new(turn)).close().await;
        }
    }

    /// Forgets how a BMC failed that is spoken with otherwise now.
    pub fn forgive(&self, address: BmcAddress) {
        self.standings().forgive(address);
    }

    /// Forgets what is known of BMCs that are no longer asked.
    pub fn retain(&self, known: &HashSet<BmcAddress>) {
        self.standings().retain(|address| known.contains(&address));
    }

    /// Closes all sessions; no other is opened. What is under way ends there.
    pub async fn end(&self) {
        self.0.ending.send_replace(true);
        let all = async {
            self.0.turns.end().await;
            let kept = self.shelf().all();
            let closed: JoinSet<()> = kept.into_iter().map(close).collect();
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
async fn opened(target: Target, turn: Arc<Turn>) -> Result<Held, BmcError> {
    let (tell, told) = oneshot::channel();
    tokio::spawn(async move {
        let opened = target.open().await;
        let opened = opened.map(|session| Held::new(session, &turn));
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
