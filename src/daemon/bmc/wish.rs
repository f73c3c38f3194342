//! Small things that are asked of several machines at once: their identify lights, where they boot from next, and what is in their
//! virtual drives. What a BMC reports afterwards counts, not that it agreed.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::able::{Deed, able};
use super::{Bmcs, MachineSelection, SkippedMachines, fault};
use crate::base::bmc::{BootMode, BootOverride, Light, Media};
use crate::base::name::HostName;
use crate::base::url::HttpUrl;
use crate::daemon::who;
use crate::diag::fault::Fault;
use crate::site::model::{Bmc, BmcProtocol};
use crate::state::BootOrder;

/// How long a BMC may take until it reports what it agreed to.
const SETTLES: Duration = Duration::from_secs(5);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

/// What is wanted of some machines.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BmcOrder {
    #[serde(flatten)]
    pub which: MachineSelection,
    pub wish: BmcWish,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmcWish {
    /// The identify light.
    Light(Light),
    /// To be told of the boot override.
    ShowBoot,
    /// A boot override, or none.
    Boot(Option<BootOverride>),
    /// To be told of the virtual drives.
    ShowMedia,
    /// An image in a virtual drive, or nothing in it.
    Media {
        image: Option<HttpUrl>,
        #[serde(default)]
        drive: Option<String>,
    },
}

/// What is told of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmcEvent {
    /// How many machines are meant.
    Chosen {
        machines: usize,
    },
    /// Some of those that a tag, a rack or `all` named are left out.
    Skipped(SkippedMachines),
    Done {
        machine: HostName,
        is: BmcState,
    },
    Failed {
        machine: HostName,
        fault: Fault,
    },
}

/// How it is with a machine in the end, as its BMC reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BmcState {
    /// Whether the light is on; none where the BMC does not tell.
    Light(Option<bool>),
    /// The boot override, and what it was before.
    Boot {
        now: Option<BootOverride>,
        was: Option<BootOverride>,
    },
    /// Virtual drives: all of them, or the one that was meant.
    Media(Vec<Media>),
}

/// An image's URL is not told: its query may give leave to who has it.
impl fmt::Display for BmcWish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Light(light) => light.fmt(f),
            Self::ShowBoot => f.write_str("show the boot override"),
            Self::Boot(wanted) => f.write_str(&said(*wanted)),
            Self::ShowMedia => f.write_str("show virtual media"),
            Self::Media { image: Some(_), .. } => f.write_str("insert virtual media"),
            Self::Media { image: None, .. } => f.write_str("eject virtual media"),
        }
    }
}

impl Bmcs {
    /// Does it, and tells of each machine as it comes. Whoever does not listen any more ends nothing: what was begun is done.
    ///
    /// # Errors
    /// Where it is not clear which machines are meant; nothing was done then.
    pub(in crate::daemon) async fn wish(
        &self,
        order: &BmcOrder,
    ) -> Result<mpsc::Receiver<BmcEvent>, Fault> {
        let deed = match &order.wish {
            BmcWish::Light(light) => Deed::Light(*light),
            BmcWish::ShowBoot => Deed::Boot(None),
            BmcWish::Boot(wanted) => Deed::Boot(wanted.map(|boot| boot.device)),
            BmcWish::ShowMedia | BmcWish::Media { .. } => Deed::Media,
        };
        let chosen = self.chosen(&order.which).await?;
        let (chosen, skipped) = able(chosen, &order.which, deed)?;
        let says = self.in_force.says().await?;
        let (tell, told) = mpsc::channel(64);
        let (bmcs, wish) = (self.clone(), order.wish.clone());
        tokio::spawn(async move {
            let machines = chosen.len();
            let _gone = tell.send(BmcEvent::Chosen { machines }).await;
            for one in skipped {
                let _gone = tell.send(BmcEvent::Skipped(one)).await;
            }
            let mut asked = JoinSet::new();
            for (machine, bmc) in chosen {
                let (bmcs, tell) = (bmcs.clone(), tell.clone());
                let card = says.machines.get(&machine);
                let declared = card.and_then(|card| card.boot_order?.mode);
                let wish = in_mode(wish.clone(), &bmc, declared);
                asked.spawn(async move {
                    let event = match bmcs.granted((&machine, &bmc), &wish).await {
                        Ok(is) => BmcEvent::Done { machine, is },
                        Err(fault) => {
                            tracing::warn!(%machine, code = %fault.code, "{}", fault.message);
                            BmcEvent::Failed { machine, fault }
                        }
                    };
                    let _gone = tell.send(event).await;
                });
            }
            asked.join_all().await;
        });
        Ok(told)
    }

    async fn granted(
        &self,
        (machine, bmc): (&HostName, &Bmc),
        wish: &BmcWish,
    ) -> Result<BmcState, Fault> {
        let is = match wish {
            BmcWish::Light(light) => self.light((machine, bmc), *light).await?,
            BmcWish::ShowBoot => self.boot((machine, bmc), None).await?,
            BmcWish::Boot(wanted) => match self.boot((machine, bmc), Some(*wanted)).await {
                Ok(is) => is,
                Err(fault) => {
                    // It may have another one now than it had, and than it was told to have.
                    if let Ok(is) = self.boot((machine, bmc), None).await {
                        self.ordered(machine, &is);
                    }
                    return Err(fault);
                }
            },
            BmcWish::ShowMedia => self.media((machine, bmc)).await?,
            BmcWish::Media { image, drive } => {
                let (image, drive) = (image.as_ref(), drive.as_deref());
                self.set_media((machine, bmc), image, drive).await?
            }
        };
        // Before it is told: whoever hears of it finds it in the status.
        self.ordered(machine, &is);
        Ok(is)
    }

    /// Takes a boot order that was seen.
    fn ordered(&self, machine: &HostName, is: &BmcState) {
        if let BmcState::Boot { now, .. } = is {
            let order = BootOrder::of(*now);
            self.board().ordered(machine, Some(order), who::now());
        }
    }

    async fn light(
        &self,
        (machine, bmc): (&HostName, &Bmc),
        light: Light,
    ) -> Result<BmcState, Fault> {
        let failed = |error| fault::bmc(machine, bmc, &error);
        let is_wanted = light != Light::Off;
        let word = |is_on: bool| if is_on { "lit" } else { "unlit" };
        self.with((machine, bmc), async |session| {
            tracing::info!(%machine, "{light}");
            session.identify(light).await.map_err(failed)?;
            let end = Instant::now() + SETTLES;
            loop {
                let told = session.chassis_status().await.map_err(failed)?.identify;
                match told {
                    Some(is_on) if is_on != is_wanted => {
                        if Instant::now() >= end {
                            let (wanted, found) = (word(is_wanted), word(is_on));
                            return Err(fault::not_so(machine, wanted, found));
                        }
                        sleep(LOOK).await;
                    }
                    told => return Ok(BmcState::Light(told)),
                }
            }
        })
        .await
    }

    /// Without a wish only tells.
    async fn boot(
        &self,
        (machine, bmc): (&HostName, &Bmc),
        wanted: Option<Option<BootOverride>>,
    ) -> Result<BmcState, Fault> {
        let failed = |error| fault::bmc(machine, bmc, &error);
        self.with((machine, bmc), async |session| {
            let was = session.boot().await.map_err(failed)?;
            let Some(wanted) = wanted else {
                return Ok(BmcState::Boot { now: was, was });
            };
            tracing::info!(%machine, "boot override: {}", said(wanted));
            let set = session.set_boot(wanted).await;
            set.map_err(|error| fault::command(machine, bmc, &error, "bmc boot status"))?;
            let end = Instant::now() + SETTLES;
            loop {
                let now = session.boot().await.map_err(failed)?;
                if is_so(wanted, now) {
                    return Ok(BmcState::Boot { now, was });
                }
                if Instant::now() >= end {
                    let (wanted, found) = (said(wanted), said(now));
                    return Err(fault::not_so(machine, &wanted, &found));
                }
                sleep(LOOK).await;
            }
        })
        .await
    }
}

/// A boot override whose mode nobody named is in the mode that the site says of the machine's boot order; else, by IPMI, which has no
/// third, in that of EFI, as a boot order is.
fn in_mode(wish: BmcWish, bmc: &Bmc, declared: Option<BootMode>) -> BmcWish {
    let BmcWish::Boot(Some(wanted)) = wish else {
        return wish;
    };
    let usual = matches!(bmc.protocol, BmcProtocol::Ipmi { .. }).then_some(BootMode::Efi);
    BmcWish::Boot(Some(BootOverride {
        mode: wanted.mode.or(declared).or(usual),
        ..wanted
    }))
}

/// Whether what is reported is what was wanted; where any mode will do, the BMC says which it takes.
fn is_so(wanted: Option<BootOverride>, now: Option<BootOverride>) -> bool {
    match (wanted, now) {
        (None, None) => true,
        (Some(wanted), Some(now)) => {
            let has_mode = wanted.mode.is_none() || wanted.mode == now.mode;
            wanted.device == now.device && wanted.once == now.once && has_mode
        }
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn said(boot: Option<BootOverride>) -> String {
    boot.map_or_else(
        || "without a boot override".to_owned(),
        |boot| format!("set to boot from {boot}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::bmc::{BootDevice, BootMode};

    #[test]
    fn what_is_reported_is_held_against_what_was_wanted() {
        let boot = |device, once, mode| Some(BootOverride { device, once, mode });
        let pxe = boot(BootDevice::Network, true, None);
        let bios = boot(BootDevice::Network, true, Some(BootMode::Bios));
        let efi = boot(BootDevice::Network, true, Some(BootMode::Efi));
        let lasting = boot(BootDevice::Network, false, None);
        let disk = boot(BootDevice::Disk, true, None);
        for (wanted, now, expected) in [
            (None, None, true),
            (None, pxe, false),
            (pxe, None, false),
            (pxe, bios, true),
            (pxe, efi, true),
            (efi, bios, false),
            (pxe, lasting, false),
            (pxe, disk, false),
        ] {
            assert_eq!(is_so(wanted, now), expected, "{wanted:?} {now:?}");
        }
    }
}
