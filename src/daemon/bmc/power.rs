//! Power: asks BMCs side by side, and believes what they report later rather than what they promise.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Bmcs, MachineSelection, fault};
use crate::base::bmc::{PowerAction, PowerState};
use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;

/// How long a machine may take to be on or off.
const HARD: Duration = Duration::from_secs(60);

/// How long an operating system may take to stop.
const SOFT: Duration = Duration::from_secs(300);

/// Between two looks.
const LOOK: Duration = Duration::from_secs(1);

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
    /// How a machine is now, and how it was before anything was asked of it.
    Done {
        machine: HostName,
        power: PowerState,
        was: PowerState,
    },
    Failed {
        machine: HostName,
        fault: Fault,
    },
}

impl Bmcs {
    /// Does it, and tells of each machine as it comes. Whoever does not listen any more ends nothing: what was begun is done.
    ///
    /// # Errors
    /// Where it is not clear which machines are meant; nothing was done then.
    pub(in crate::daemon) async fn power(
        &self,
        order: &PowerOrder,
    ) -> Result<mpsc::Receiver<PowerEvent>, Fault> {
        let chosen = self.chosen(&order.which).await?;
        let (tell, told) = mpsc::channel(64);
        let (bmcs, action) = (self.clone(), order.action);
        tokio::spawn(async move {
            let machines = chosen.len();
            let _gone = tell.send(PowerEvent::Chosen { machines }).await;
            let mut asked = JoinSet::new();
            for (host, bmc) in chosen {
                let (bmcs, tell) = (bmcs.clone(), tell.clone());
                asked.spawn(async move {
                    let event = match bmcs.power_of(&host, &bmc, action).await {
                        Ok((power, was)) => PowerEvent::Done {
                            machine: host,
                            power,
                            was,
                        },
                        Err(fault) => {
                            tracing::warn!(machine = %host, code = %fault.code, "{}", fault.message);
                            PowerEvent::Failed {
                                machine: host,
                                fault,
                            }
                        }
                    };
                    let _gone = tell.send(event).await;
                });
            }
            asked.join_all().await;
        });
        Ok(told)
    }

    /// How the machine is in the end, and how it was.
    async fn power_of(
        &self,
        host: &HostName,
        bmc: &Bmc,
        action: Option<PowerAction>,
    ) -> Result<(PowerState, PowerState), Fault> {
        let failed = |error| fault::bmc(host, bmc, &error);
        let (was, wanted) = self
            .with((host, bmc), async |session| {
                let was = session.chassis_status().await.map_err(failed)?.power;
                let Some(wanted) = asked(host, action, was)? else {
                    return Ok((was, None));
                };
                tracing::info!(machine = %host, bmc = %bmc.address, "{}", wanted.action);
                session.power(wanted.action).await.map_err(failed)?;
                Ok((was, Some(wanted)))
            })
            .await?;
        let Some(Wanted { state, within, .. }) = wanted else {
            return Ok((was, was));
        };
        let now = self.until((host, bmc), state, within).await?;
        if now != state {
            let words = (state.to_string(), now.to_string());
            return Err(fault::not_there(host, &words.0, &words.1, within.as_secs()));
        }
        Ok((now, was))
    }

    /// Looks until the machine is as it should be, or the time is over; how it is then. Between two looks others have their turn, and a BMC
    /// that starts anew meanwhile is found again.
    async fn until(
        &self,
        (host, bmc): (&HostName, &Bmc),
        wanted: PowerState,
        within: Duration,
    ) -> Result<PowerState, Fault> {
        let deadline = Instant::now() + within;
        loop {
            let look = self.with((host, bmc), async |session| {
                let status = session.chassis_status().await;
                status.map_err(|error| fault::bmc(host, bmc, &error))
            });
            match look.await {
                Ok(status) if status.power == wanted || Instant::now() >= deadline => {
                    return Ok(status.power);
                }
                Err(fault) if fault.code != Code::BmcUnreachable || Instant::now() >= deadline => {
                    return Err(fault);
                }
                Ok(_) | Err(_) => sleep(LOOK).await,
            }
        }
    }
}

/// What is to become of a machine, and how long that may take.
struct Wanted {
    action: PowerAction,
    state: PowerState,
    within: Duration,
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
    match action {
        PowerAction::Cycle | PowerAction::Reset if was == PowerState::Off => {
            return Err(fault::is_off(host));
        }
        PowerAction::Cycle | PowerAction::Reset => {}
        PowerAction::On | PowerAction::SoftOff | PowerAction::Off if was == state => {
            return Ok(None);
        }
        PowerAction::On | PowerAction::SoftOff | PowerAction::Off => {}
    }
    Ok(Some(Wanted {
        action,
        state,
        within,
    }))
}
