//! Serial consoles of machines: each in a session of its own, so that one that is left open keeps nobody from the machine's power.

mod claim;
mod fault;
mod frame;
mod kept;
mod record;
mod text;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncWrite, split};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use super::Bmcs;
use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::daemon::in_force::InForce;
use crate::daemon::who::{Who, now};
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::site::model::{Bmc, BmcProtocol};
use crate::world::bmc::ipmi::ConsoleKeys;
use crate::world::bmc::{Console, ConsoleOffer, Target};

use claim::Claim;
pub(super) use claim::Claims;
pub use frame::{ConsoleFrame, ConsoleOpened, PROTOCOL};
pub use kept::RecordingRow;
use record::Recorder;
pub(super) use record::Recordings;
pub use record::{RECORDING_BYTES, RECORDING_DAYS, RECORDING_MACHINE_BYTES, RecordingHeader};

/// How long the last word to who leaves may take.
const LAST_WORD: Duration = Duration::from_secs(2);

/// Between two looks for recordings that are too old.
const PRUNE: Duration = Duration::from_secs(3600);

/// How a console is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ConsoleOrder {
    /// Whether it is taken from whoever has it.
    #[serde(default)]
    pub take: bool,
    /// Whether a BMC that the site has by Redfish is asked by IPMI.
    #[serde(default)]
    pub ipmi: bool,
    #[serde(default)]
    pub record: bool,
}

/// A console in the hands of somebody.
pub(in crate::daemon) struct HeldConsole {
    bmcs: Bmcs,
    machine: HostName,
    bmc: Bmc,
    /// Whether it is had by other means than those by which the site has the BMC.
    is_beside: bool,
    console: Console,
    recorder: Option<Box<Recorder>>,
    claim: Claim,
}

impl Bmcs {
    /// Opens the serial console of a machine.
    pub(in crate::daemon) async fn console(
        &self,
        machine: HostName,
        order: ConsoleOrder,
        who: &Who,
    ) -> Result<HeldConsole, Fault> {
        let bmc = self.bmc_of(&machine).await?;
        let claim = self.claims.claim(&machine, who, order.take).await?;
        // Not of the pool: a console has its session for long, and others have theirs meanwhile.
        let target = match order.ipmi {
            true => Target::by_ipmi(&bmc, &self.pool.trust()).await,
            false => Target::of(&bmc, &self.pool.trust()).await,
        };
        let target = target.map_err(|error| self.unreadable(&machine, &error))?;
        let is_beside = order.ipmi && !matches!(bmc.protocol, BmcProtocol::Ipmi { .. });
        let session = match target.open().await {
            Ok(session) => session,
            Err(error) => {
                let fault = super::fault::bmc(&machine, &bmc, &error);
                self.heard_at_console(&machine, is_beside, Err(&fault))
                    .await;
                return Err(fault);
            }
        };
        self.heard_at_console(&machine, is_beside, Ok(None)).await;
        let offer = session.console(order.take).await;
        let console = match offer.map_err(|error| fault::bmc(&machine, &bmc, &error))? {
            ConsoleOffer::Console(console) => console,
            ConsoleOffer::Ways(ways) => return Err(fault::elsewhere(&machine, &bmc, &ways)),
        };
        let recorder = match order.record {
            true => match self.recorder(&machine, who).await {
                Ok(recorder) => Some(recorder),
                Err(fault) => {
                    console.close().await;
                    return Err(fault);
                }
            },
            false => None,
        };
        tracing::info!(%machine, %who, take = order.take, ipmi = order.ipmi, record = order.record, "the console is opened");
        Ok(HeldConsole {
            bmcs: self.clone(),
            machine,
            bmc,
            is_beside,
            console,
            recorder,
            claim,
        })
    }

    /// Takes what a console comes to, as far as that says how the BMC does by which the site has the machine.
    async fn heard_at_console(
        &self,
        machine: &HostName,
        is_beside: bool,
        came: Result<Option<PowerState>, &Fault>,
    ) {
        let says_nothing = came.is_err_and(|fault| fault.code == Code::BmcFailed);
        if !is_beside && !says_nothing {
            self.heard(machine, came).await;
        }
    }

    async fn recorder(&self, machine: &HostName, who: &Who) -> Result<Box<Recorder>, Fault> {
        let (recordings, machine, who) = (self.recordings.clone(), machine.clone(), who.clone());
        let begun = spawn_blocking(move || recordings.begin(&machine, &who, now()));
        let begun = begun.await.map_err(|_| crate::daemon::fault::closing())?;
        let recorder = begun.map_err(|error| fault::recording(&error))?;
        Ok(Box::new(recorder))
    }

    /// Lets old recordings go, from time to time, for as long as the daemon runs.
    pub(in crate::daemon) async fn keep_recordings(self) {
        loop {
            let recordings = self.recordings.clone();
            let _ended = spawn_blocking(move || recordings.prune(SystemTime::now())).await;
            sleep(PRUNE).await;
        }
    }
}

/// Why somebody's time at a console is over.
enum End {
    Left,
    Fault(Fault),
}

impl HeldConsole {
    /// Carries what is typed and shown until either side ends it, or somebody takes the console; then gives it back.
    pub(in crate::daemon) async fn serve(mut self, stream: impl AsyncRead + AsyncWrite) {
        let (mut typed, mut shown) = split(stream);
        let opened = ConsoleFrame::Opened(ConsoleOpened {
            machine: self.machine.clone(),
            bmc: self.bmc.place(),
            recording: self.recorder.as_ref().map(|recorder| recorder.recording),
        });
        let keys = self.console.keys.clone();
        let end = match opened.write(&mut shown).await {
            Err(_) => End::Left,
            Ok(()) => tokio::select! {
                end = typing(&mut typed, keys) => end,
                end = self.showing(&mut shown) => end,
            },
        };
        if let End::Fault(fault) = end {
            if super::fault::is_away(&fault) {
                self.bmcs
                    .heard_at_console(&self.machine, self.is_beside, Err(&fault))
                    .await;
            }
            let last = ConsoleFrame::Ended(fault);
            let _gone = timeout(LAST_WORD, last.write(&mut shown)).await;
        }
        self.console.close().await;
        tracing::info!(machine = %self.machine, "the console is closed");
        // Only now is it free for somebody else, and only now does its stream end.
        drop(self.claim);
    }

    /// Shows what the machine says, until it says no more, nobody looks any more, or somebody takes the console.
    async fn showing(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> End {
        loop {
            let shown = tokio::select! {
                shown = self.console.screen.next() => shown,
                () = changed(&mut self.bmcs.in_force, &self.machine, &self.bmc) => {
                    return End::Fault(fault::changed(&self.machine));
                }
                away = &mut self.claim.away => {
                    return away.map_or(End::Left, |away| End::Fault(fault::away(&self.machine, &away)));
                }
            };
            let shown = match shown {
                Some(Ok(shown)) => shown,
                Some(Err(error)) => {
                    return End::Fault(fault::bmc(&self.machine, &self.bmc, &error.into()));
                }
                None => return End::Left,
            };
            let notice = recorded(&mut self.recorder, &shown).await.err().map(|error| {
                tracing::warn!(machine = %self.machine, %error, "the console is recorded no longer");
                ConsoleFrame::Notice(format!("the recording ends here: {error}"))
            });
            for frame in notice.into_iter().chain([ConsoleFrame::Text(shown)]) {
                let is_told = tokio::select! {
                    told = frame.write(to) => told.is_ok(),
                    // In the midst of a frame that nobody reads there is no room for another word.
                    _ = &mut self.claim.away => false,
                };
                if !is_told {
                    return End::Left;
                }
            }
        }
    }
}

/// Waits until the site in force has a machine's BMC elsewhere, or by other means, or not any more.
async fn changed(in_force: &mut InForce, machine: &HostName, bmc: &Bmc) {
    while in_force
        .bmcs()
        .get(machine)
        .is_some_and(|now| **now == *bmc)
    {
        if !in_force.changed().await {
            // The daemon ends, and says so itself.
            return std::future::pending().await;
        }
    }
}

/// Types what comes, until no more does.
async fn typing(from: &mut (impl AsyncRead + Unpin), keys: ConsoleKeys) -> End {
    loop {
        let is_open = match ConsoleFrame::read(from).await {
            Ok(Some(ConsoleFrame::Text(text))) => keys.send(&text).await,
            Ok(Some(ConsoleFrame::Break)) => keys.send_break().await,
            Ok(Some(
                ConsoleFrame::Opened(_) | ConsoleFrame::Notice(_) | ConsoleFrame::Ended(_),
            )) => true,
            Ok(None) | Err(_) => return End::Left,
        };
        if !is_open {
            // What the console ended with is told where it is shown.
            return std::future::pending().await;
        }
    }
}

async fn recorded(recorder: &mut Option<Box<Recorder>>, shown: &[u8]) -> std::io::Result<()> {
    let Some(mut held) = recorder.take() else {
        return Ok(());
    };
    let shown = shown.to_vec();
    let added = spawn_blocking(move || held.add(&shown).map(|()| held));
    *recorder = Some(added.await.map_err(std::io::Error::other)??);
    Ok(())
}
