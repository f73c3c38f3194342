//! Asks the BMCs of the site in force from time to time how they do, so that whoever needs one knows before.

use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::rounds::{Rounds, pause};
use super::{Bmcs, fault};
use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::daemon::who::now;
use crate::diag::fault::Fault;
use crate::serve::dhcp::Event;
use crate::site::model::Bmc;
use crate::world::bmc::{Caller, POLLED, PoolError};

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
                        Again::At(until) => in_turn.max(until),
                    };
                    rounds.came(host, due);
                }
                () = sleep_until(due), if asked.len() < POLLED => {}
            }
        }
    }

    /// Takes the BMCs of the site in force, and forgets those that it does not have.
    async fn take_up(&self, rounds: &mut Rounds) {
        let bmcs = match self.in_force.bmcs().await {
            // Of those that tell nothing nobody could say how they do.
            Ok(bmcs) => bmcs
                .into_iter()
                .filter(|(_, bmc)| bmc.tells_power())
                .collect(),
            Err(fault) => {
                tracing::warn!(code = %fault.code, "no BMC is watched: {}", fault.message);
                Vec::new()
            }
        };
        let known = bmcs.iter().map(|(host, bmc)| (host.clone(), bmc.place()));
        self.board().put(known);
        let addresses = bmcs.iter().map(|(_, bmc)| bmc.address()).collect();
        self.pool.retain(&addresses);
        rounds.put(bmcs.into_iter(), Instant::now());
    }

    /// Asks one how its machine is, and tells the board.
    async fn ask(&self, host: &HostName, bmc: &Bmc) -> Again {
        let status = self.pool.with(bmc, Caller::Poll, async |session| {
            session.chassis_status().await
        });
        let fault = match status.await {
            Ok(status) => {
                self.heard(host, Ok(Some(status.power))).await;
                return match status.power {
                    PowerState::On | PowerState::Off => Again::InTurn,
                    PowerState::TurningOn
                    | PowerState::TurningOff
                    | PowerState::Paused
                    | PowerState::Unknown => Again::Soon,
                };
            }
            Err(PoolError::Own(error) | PoolError::Bmc(error)) => fault::bmc(host, bmc, &error),
            Err(PoolError::Target(error)) => fault::target(host, &error),
            Err(PoolError::NotBefore(until)) => return Again::At(until),
            // Somebody speaks with it, maybe of another machine: several may be behind one BMC.
            Err(PoolError::Busy) => return Again::Soon,
            // One that refused us still does.
            Err(PoolError::Refused | PoolError::Ending) => return Again::InTurn,
        };
        self.heard(host, Err(&fault)).await;
        Again::InTurn
    }

    /// Takes what was heard of a BMC; what is new is logged, and told among the events.
    pub(super) async fn heard(&self, host: &HostName, came: Result<Option<PowerState>, &Fault>) {
        let Some(news) = self.board().came(host, came, now()) else {
            return;
        };
        let (at, why) = (&news.address, &news.why);
        match news.condition {
            Some(condition) => {
                tracing::warn!(machine = %host, bmc = %at, "the BMC {condition}: {why}");
            }
            None => tracing::info!(machine = %host, bmc = %at, "the BMC is fine again: {why}"),
        }
        // Nobody is told any more once the daemon ends.
        let _ended = self.dhcp.tell(Event::Bmc { news: news.into() }).await;
    }
}
