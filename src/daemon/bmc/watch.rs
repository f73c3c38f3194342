//! Asks the BMCs of the site in force from time to time how they do, so that whoever needs one knows before.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::rounds::{Rounds, pause};
use super::{Bmcs, fault};
use crate::base::bmc::{BmcCondition, BmcNews, PowerState};
use crate::base::name::HostName;
use crate::daemon::who::now;
use crate::diag::fault::Fault;
use crate::serve::dhcp::Event;
use crate::site::model::Bmc;
use crate::state::BootOrder;
use crate::world::bmc::{BmcError, Caller, POLLED, PoolError, Session, Trouble};

/// A machine between on and off is looked at again so soon, and one whose BMC has no time.
const SOON: Duration = Duration::from_secs(15);

/// How long nobody is asked where there is nobody to ask.
const IDLE: Duration = Duration::from_secs(3600);

/// When one that was asked is asked again.
enum Again {
    InTurn,
    Soon,
    /// Not before, since it is left alone until then.
    At(Instant),
}

impl Bmcs {
    /// Asks each BMC `every` so often, and when it is new in the site, until the daemon ends.
    pub(in crate::daemon) async fn watch(self, every: Duration) {
        let mut in_force = self.in_force.clone();
        let mut rounds = Rounds::default();
        let mut asked: JoinSet<(HostName, Again)> = JoinSet::new();
        self.take_up(&mut rounds).await;
        loop {
            let begin = Instant::now();
            while asked.len() < POLLED
                && let Some((host, bmc)) = rounds.next(begin)
            {
                let bmcs = self.clone();
                asked.spawn(async move {
                    let again = bmcs.ask(&host, &bmc).await;
                    (host, again)
                });
            }
            let due = rounds.due().unwrap_or(begin + IDLE);
            tokio::select! {
                changed = in_force.changed() => match changed {
                    true => self.take_up(&mut rounds).await,
                    false => return,
                },
                Some(Ok((host, again))) = asked.join_next() => {
                    let heard = Instant::now();
                    let in_turn = heard + pause(&host, every);
                    let due = match again {
                        Again::InTurn => in_turn,
                        Again::Soon => in_turn.min(heard + pause(&host, SOON)),
                        Again::At(until) => match self.board().is_unasked(&host) {
                            true => until,
                            false => in_turn.max(until),
                        },
                    };
                    rounds.came(host, due);
                }
                () = sleep_until(due), if asked.len() < POLLED => {}
            }
        }
    }

    /// Takes the BMCs in force, and forgets those that are not; of those that were not fine that is told.
    async fn take_up(&self, rounds: &mut Rounds) {
        let bmcs = self.in_force.bmcs();
        // Of those that tell nothing nobody could say how they do.
        let bmcs = || bmcs.iter().filter(|(_, bmc)| bmc.tells_power());
        let known = bmcs().map(|(host, bmc)| (host.clone(), bmc.place()));
        let left = self.board().put(known);
        let addresses = bmcs().map(|(_, bmc)| bmc.address()).collect();
        self.pool.retain(&addresses);
        let bmcs = bmcs().map(|(host, bmc)| (host.clone(), Arc::clone(bmc)));
        for address in rounds.put(bmcs, Instant::now()) {
            self.pool.forgive(address);
        }
        for news in left {
            self.tell(news).await;
        }
    }

    /// Asks one how its machine is, and tells the board.
    async fn ask(&self, host: &HostName, bmc: &Bmc) -> Again {
        let is_ordered = self.is_ordered(host).await;
        let told = self.pool.with(bmc, Caller::Poll, async |session| {
            let power = session.chassis_status().await?.power;
            let order = match is_ordered {
                true => boot_order(session).await?,
                false => None,
            };
            Ok((power, order))
        });
        let fault = match told.await {
            Ok((power, order)) => {
                self.board().ordered(host, order, now());
                self.heard(host, Ok(Some(power))).await;
                return match power {
                    PowerState::On | PowerState::Off => Again::InTurn,
                    PowerState::TurningOn
                    | PowerState::TurningOff
                    | PowerState::Paused
                    | PowerState::Unknown => Again::Soon,
                };
            }
            Err(PoolError::Own(error) | PoolError::Bmc(error)) => fault::bmc(host, bmc, &error),
            Err(PoolError::Target(error)) => self.unreadable(host, &error),
            Err(PoolError::NotBefore(until)) => return Again::At(until),
            // Somebody speaks with it, maybe of another machine: several may be behind one BMC.
            Err(PoolError::Busy) => return Again::Soon,
            // One that refused us still does; a plan may have shown it what it refused, before it was in force.
            Err(PoolError::Refused) if self.board().is_unasked(host) => {
                fault::refused_before(host, bmc)
            }
            Err(PoolError::Refused | PoolError::Ending) => return Again::InTurn,
        };
        self.heard(host, Err(&fault)).await;
        Again::InTurn
    }

    /// Whether the site says what a machine boots from; of others that is not asked.
    async fn is_ordered(&self, host: &HostName) -> bool {
        // That the site cannot be read is told by those who need it.
        let says = self.in_force.says().await;
        says.is_ok_and(|says| {
            let card = says.machines.get(host);
            card.is_some_and(|card| card.boot_order.is_some())
        })
    }

    /// Takes what was heard of a BMC; what is new is logged, and told among the events.
    pub(super) async fn heard(&self, host: &HostName, came: Result<Option<PowerState>, &Fault>) {
        let news = self.board().came(host, came, now());
        if let Some(news) = news {
            self.tell(news).await;
        }
    }

    async fn tell(&self, news: BmcNews) {
        let host = &news.machine;
        let (at, why) = (news.address.as_deref(), &news.why);
        match news.condition {
            Some(condition) => {
                tracing::warn!(machine = %host, bmc = at, "the BMC {condition}: {why}");
            }
            None => {
                let over = BmcCondition::ended(news.was, news.is_watched);
                tracing::info!(machine = %host, bmc = at, "the BMC {over}: {why}");
            }
        }
        // Nobody is told any more once the daemon ends.
        let _ended = self.dhcp.tell(Event::Bmc { news: news.into() }).await;
    }
}

/// What a machine boots from first. A BMC that cannot tell is fine all the same.
async fn boot_order(session: &mut Session) -> Result<Option<BootOrder>, BmcError> {
    match session.boot().await {
        Ok(found) => Ok(Some(BootOrder::of(found))),
        Err(error) if error.trouble() == Trouble::Failed => Ok(None),
        Err(error) => Err(error),
    }
}
