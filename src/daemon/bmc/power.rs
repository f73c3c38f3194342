//! Power: asks BMCs side by side, and believes what they report later rather than what they promise.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{Bmcs, MachineSelection, fault};
use crate::base::bmc::{PowerAction, PowerState};
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::world::bmc::Session;

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
        self.with((host, bmc), async |session| {
            let was = session.chassis_status().await.map_err(failed)?.power;
            let Some(action) = action else {
                return Ok((was, was));
            };
            let wanted = match action {
                PowerAction::On | PowerAction::Cycle | PowerAction::Reset => PowerState::On,
                PowerAction::SoftOff | PowerAction::Off => PowerState::Off,
            };
            match action {
                PowerAction::Cycle | PowerAction::Reset if was == PowerState::Off => {
                    return Err(fault::is_off(host));
                }
                PowerAction::Cycle | PowerAction::Reset => {}
                PowerAction::On | PowerAction::SoftOff | PowerAction::Off if was == wanted => {
                    return Ok((was, was));
                }
                PowerAction::On | PowerAction::SoftOff | PowerAction::Off => {}
            }
            tracing::info!(machine = %host, bmc = %bmc.address, "{action}");
            session.power(action).await.map_err(failed)?;
            let within = match action {
                PowerAction::SoftOff => SOFT,
                PowerAction::On | PowerAction::Off | PowerAction::Cycle | PowerAction::Reset => {
                    HARD
                }
            };
            let now = until(session, wanted, within).await.map_err(failed)?;
            if now != wanted {
                let words = (wanted.to_string(), now.to_string());
                return Err(fault::not_there(host, &words.0, &words.1, within.as_secs()));
            }
            Ok((now, was))
        })
        .await
    }
}

/// Looks until the machine is as it should be, or the time is over; how it is then.
async fn until(
    session: &mut Session,
    wanted: PowerState,
    within: Duration,
) -> Result<PowerState, crate::world::bmc::BmcError> {
    let deadline = Instant::now() + within;
    loop {
        let now = session.chassis_status().await?.power;
        if now == wanted || Instant::now() >= deadline {
            return Ok(now);
        }
        sleep(LOOK).await;
    }
}
