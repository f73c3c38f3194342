//! Power: asks BMCs side by side, and believes what they report later rather than what they promise.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at, sleep};

use super::able::{Deed, able};
use super::restart::{Restart, Watch};
use super::{Bmcs, MachineSelection, ManualRequest, SkippedMachines, fault};
use crate::base::bmc::{PowerAction, PowerState};
use crate::base::duration::Seconds;
use crate::base::moment::Moment;
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::{Bmc, BmcProtocol};

/// How long a machine may take to be on or off.
const HARD: Duration = Duration::from_secs(60);

/// How long an operating system may take to stop.
const SOFT: Duration = Duration::from_secs(300);

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

/// The same where a machine may be off for a moment only.
const QUICK_LOOK: Duration = Duration::from_millis(250);

/// When it is told first who is waited for, how often after that, and how many of them by name.
const TELL_FIRST: Duration = Duration::from_secs(2);
const TELL: Duration = Duration::from_secs(10);
const NAMED: usize = 3;

/// What to do with the power of some machines; without an action they are asked how they are.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PowerOrder {
    #[serde(flatten)]
    pub which: MachineSelection,
    #[serde(default)]
    pub action: Option<PowerAction>,
}

/// What is told of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PowerEvent {
    /// How many machines are meant.
    Chosen {
        machines: usize,
    },
    /// Some of those that a tag, a rack or `all` named are left out.
    Skipped(SkippedMachines),
    /// How a machine is now, and how it was before anything was asked of it.
    Done {
        machine: HostName,
        power: PowerState,
        was: PowerState,
        /// Of a power cycle and a reset: how it is known that there was one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        restart: Option<Restart>,
        /// What a person is asked to do with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asked: Option<Box<ManualRequest>>,
    },
    Failed {
        machine: HostName,
        fault: Fault,
    },
    /// A person is asked to switch a machine, and somebody is to say that it is done.
    Asked {
        machine: HostName,
        action: PowerAction,
        instruction: Option<String>,
        within: Seconds,
    },
    /// Told from time to time while it takes long: how many machines are waited for, and the first of them.
    Waiting {
        machines: usize,
        first: Vec<HostName>,
    },
}

/// A machine that does not run and should, or the reverse, by what its BMC told last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowerDrift {
    pub machine: HostName,
    pub wanted: PowerState,
    pub is: PowerState,
    /// When it was heard.
    pub at: Moment,
}

impl Bmcs {
    /// Machines that are not on or off as the site says, as far as that was heard after a moment.
    pub(in crate::daemon) async fn power_drift(&self, after: Option<Moment>) -> Vec<PowerDrift> {
        // That the site cannot be read is told by those who need it.
        let Ok(says) = self.in_force.says().await else {
            return Vec::new();
        };
        let board = self.board();
        let drift = says.machines.iter().filter_map(|(machine, card)| {
            let wanted = card.power?.state;
            let (is, at) = board.power(machine, after)?;
            (is != wanted).then(|| PowerDrift {
                machine: machine.clone(),
                wanted,
                is,
                at,
            })
        });
        drift.collect()
    }

    /// Does it, and tells of each machine as it comes. Whoever does not listen any more ends nothing: what was begun is done.
    ///
    /// # Errors
    /// Where it is not clear which machines are meant; nothing was done then.
    pub(in crate::daemon) async fn power(
        &self,
        order: &PowerOrder,
    ) -> Result<mpsc::Receiver<PowerEvent>, Fault> {
        let chosen = self.chosen(&order.which).await?;
        // How it is with a machine is asked of all: of some it is not known.
        let (chosen, skipped) = match order.action {
            Some(action) => able(chosen, &order.which, Deed::Power(action))?,
            None => (chosen, Vec::new()),
        };
        let (tell, told) = mpsc::channel(64);
        let (bmcs, action) = (self.clone(), order.action);
        tokio::spawn(async move {
            let machines = chosen.len();
            let _gone = tell.send(PowerEvent::Chosen { machines }).await;
            for one in skipped {
                let _gone = tell.send(PowerEvent::Skipped(one)).await;
            }
            let left: BTreeSet<HostName> = chosen.keys().cloned().collect();
            let mut asked = JoinSet::new();
            for (host, bmc) in chosen {
                let (bmcs, tell) = (bmcs.clone(), tell.clone());
                asked.spawn(async move {
                    let event = match bmcs.power_of((&host, &bmc), action, &tell).await {
                        Ok(Became {
                            power,
                            was,
                            restart,
                        }) => PowerEvent::Done {
                            machine: host.clone(),
                            power,
                            was,
                            restart,
                            asked: bmcs.desk.asked_of(&host).map(Box::new),
                        },
                        Err(fault) => {
                            tracing::warn!(machine = %host, code = %fault.code, "{}", fault.message);
                            let machine = host.clone();
                            PowerEvent::Failed { machine, fault }
                        }
                    };
                    if let PowerEvent::Done { power, .. } = &event {
                        // Before it is told: whoever hears of it finds it in the status.
                        bmcs.heard(&host, Ok(Some(*power))).await;
                    }
                    let _gone = tell.send(event).await;
                    host
                });
            }
            tell_of(asked, left, &tell).await;
        });
        Ok(told)
    }

    /// What becomes of a machine.
    async fn power_of(
        &self,
        (host, bmc): (&HostName, &Bmc),
        action: Option<PowerAction>,
        tell: &mpsc::Sender<PowerEvent>,
    ) -> Result<Became, Fault> {
        if let (BmcProtocol::Manual(manual), Some(action)) = (&bmc.protocol, action) {
            return self.by_hand(manual, action, tell).await;
        }
        let failed = |error| fault::bmc(host, bmc, &error);
        let (was, wanted, mark) = self
            .with((host, bmc), async |session| {
                let was = session.chassis_status().await.map_err(failed)?.power;
                let Some(wanted) = asked(host, action, was)? else {
                    return Ok((was, None, None));
                };
                let mark = match wanted.is_restart {
                    true => session.restart_mark().await.map_err(failed)?,
                    false => None,
                };
                tracing::info!(machine = %host, bmc = %bmc.place(), "{}", wanted.action);
                let switched = session.power(wanted.action).await;
                switched.map_err(|error| fault::command(host, bmc, &error, "power status"))?;
                // Nobody waits for one that could not say so.
                let wanted = session.tells_power().then_some(wanted);
                Ok((was, wanted, mark))
            })
            .await?;
        let mut became = Became {
            power: was,
            was,
            restart: None,
        };
        if let Some(wanted) = wanted {
            let mut watch = wanted.is_restart.then(|| Watch::new(wanted.action, mark));
            became.power = wanted.state;
            became.restart = self.until((host, bmc), &wanted, &mut watch).await?;
        }
        Ok(became)
    }

    /// Looks until the machine is as it should be, or the time is over. Between two looks others have their turn, and a BMC that starts
    /// anew meanwhile is found again.
    async fn until(
        &self,
        (host, bmc): (&HostName, &Bmc),
        wanted: &Wanted,
        watch: &mut Option<Watch>,
    ) -> Result<Option<Restart>, Fault> {
        let failed = |error| fault::bmc(host, bmc, &error);
        let begun = Instant::now();
        loop {
            let look = self.with((host, bmc), async |session| {
                let power = session.chassis_status().await.map_err(failed)?.power;
                let mark = match wanted.is_restart {
                    true => session.restart_mark().await.map_err(failed)?,
                    false => None,
                };
                Ok((power, mark))
            });
            let after = begun.elapsed();
            let is_late = after >= wanted.within;
            match look.await {
                Ok((power, mark)) => {
                    let seen = watch.as_mut();
                    let seen = seen.map(|watch| watch.sees(power, mark.as_deref(), after));
                    match seen {
                        None if power == wanted.state => return Ok(None),
                        Some(Some(restart)) => return Ok(Some(restart)),
                        None | Some(None) if is_late => {
                            let words = (wanted.state.to_string(), power.to_string());
                            let seconds = wanted.within.as_secs();
                            return Err(fault::not_there(host, &words.0, &words.1, seconds));
                        }
                        None | Some(None) => {}
                    }
                }
                Err(fault) if !fault::is_away(&fault) || is_late => return Err(fault),
                Err(_) => {}
            }
            sleep(if wanted.is_restart { QUICK_LOOK } else { LOOK }).await;
        }
    }
}

/// Waits for all, and tells now and then for whom.
async fn tell_of(
    mut asked: JoinSet<HostName>,
    mut left: BTreeSet<HostName>,
    tell: &mpsc::Sender<PowerEvent>,
) {
    let mut again = interval_at(Instant::now() + TELL_FIRST, TELL);
    loop {
        tokio::select! {
            ended = asked.join_next() => match ended {
                Some(Ok(host)) => drop(left.remove(&host)),
                Some(Err(_)) => {}
                None => return,
            },
            _ = again.tick() => {
                let machines = left.len();
                let first = left.iter().take(NAMED).cloned().collect();
                let _gone = tell.send(PowerEvent::Waiting { machines, first }).await;
            }
        }
    }
}

/// What became of a machine.
pub(super) struct Became {
    pub(super) power: PowerState,
    pub(super) was: PowerState,
    pub(super) restart: Option<Restart>,
}

/// What is to become of a machine, and how long that may take.
struct Wanted {
    action: PowerAction,
    state: PowerState,
    within: Duration,
    /// Whether it is to be on again, and not only on.
    is_restart: bool,
}

/// What is asked of a machine that is in state `was`; nothing where it is so already.
fn asked(
    host: &HostName,
    action: Option<PowerAction>,
    was: PowerState,
) -> Result<Option<Wanted>, Fault> {
    let Some(action) = action else {
        return Ok(None);
    };
    let (state, within) = match action {
        PowerAction::On | PowerAction::Cycle | PowerAction::Reset => (PowerState::On, HARD),
        PowerAction::Off => (PowerState::Off, HARD),
        PowerAction::SoftOff => (PowerState::Off, SOFT),
    };
    let is_restart = matches!(action, PowerAction::Cycle | PowerAction::Reset);
    match is_restart {
        true if was == PowerState::Off => return Err(fault::is_off(host)),
        false if was == state => return Ok(None),
        true | false => {}
    }
    Ok(Some(Wanted {
        action,
        state,
        within,
        is_restart,
    }))
}
