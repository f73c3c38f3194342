//! Speaks with the BMCs of the site that is in force. Answered beside the owner of the world, who has no ear for anybody while it
//! applies: a BMC that hangs keeps nobody from anything else.

mod able;
mod board;
mod choose;
mod compare;
mod console;
mod discover;
mod failing;
mod fault;
mod hear;
mod manual;
mod media;
mod ordered;
mod power;
mod reading;
mod restart;
mod rounds;
mod trust;
mod watch;
mod wish;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use super::in_force::InForce;
use crate::base::name::HostName;
use crate::diag::code::Code;
use crate::diag::fault::Fault;
use crate::serve::dhcp::Server;
use crate::site::model::Bmc;
use crate::world::bmc::{Caller, Pool, PoolError, Session, TargetError};

use board::Board;
use compare::Looks;
use console::{Claims, Recordings};
use manual::Desk;

pub use able::{ChosenMachines, SkippedMachines};
pub use board::{BmcRow, BmcSummary};
pub use choose::MachineSelection;
pub use compare::{InventoryDifference, MachineDrift};
pub use console::{
    ConsoleFrame, ConsoleOpened, ConsoleOrder, PROTOCOL as CONSOLE_PROTOCOL, RECORDING_BYTES,
    RECORDING_DAYS, RECORDING_MACHINE_BYTES, RecordingHeader, RecordingRow,
};
pub use discover::{FoundBmc, FoundRedfish, MatchedBy, SweepEvent, SweepOrder};
pub(in crate::daemon) use fault::no_machine;
pub use manual::ManualRequest;
pub use ordered::BootOrderDrift;
pub use power::{PowerDrift, PowerEvent, PowerOrder};
pub use reading::{BmcInventory, BmcReading};
pub use restart::Restart;
pub use trust::ShownCertificate;
pub use wish::{BmcEvent, BmcOrder, BmcState, BmcWish};

/// All BMCs of the site in force.
#[derive(Clone)]
pub(super) struct Bmcs {
    in_force: InForce,
    pool: Pool,
    board: Arc<Mutex<Board>>,
    desk: Desk,
    /// Keeps the events, those of others too.
    dhcp: Arc<Server>,
    claims: Claims,
    recordings: Recordings,
    /// One sweep at a time: the network is others' too.
    sweeps: Arc<Semaphore>,
    looks: Looks,
}

impl Bmcs {
    /// They speak through the sessions of `pool`, and events go where those of DHCP go. Recordings of consoles are kept in a folder.
    pub(super) fn new(
        in_force: InForce,
        pool: Pool,
        dhcp: Arc<Server>,
        recordings: PathBuf,
    ) -> Self {
        Self {
            in_force,
            pool,
            board: Arc::default(),
            desk: Desk::default(),
            dhcp,
            claims: Claims::default(),
            recordings: Recordings::new(recordings),
            sweeps: Arc::new(Semaphore::new(1)),
            looks: Looks::default(),
        }
    }

    /// Does `what` in a session with a machine's BMC, as soon as nobody else speaks with it and there is room.
    async fn with<T>(
        &self,
        (host, bmc): (&HostName, &Bmc),
        what: impl AsyncFnOnce(&mut Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = self.pool.with(bmc, Caller::Operator, what).await;
        let done = done.map_err(|error| match error {
            PoolError::Own(fault) => fault,
            PoolError::Target(error) => self.unreadable(host, &error),
            PoolError::Bmc(error) => self.placed(host, fault::bmc(host, bmc, &error)),
            // Of these, all but the last happen to those who ask by themselves alone.
            PoolError::Refused | PoolError::NotBefore(_) | PoolError::Busy | PoolError::Ending => {
                super::fault::closing()
            }
        });
        match &done {
            Ok(_) => self.heard(host, Ok(None)).await,
            // What one command comes to says nothing of the BMC.
            Err(fault) if fault.code == Code::BmcFailed => {}
            Err(fault) => self.heard(host, Err(fault)).await,
        }
        done
    }

    /// What a BMC is asked with cannot be read.
    fn unreadable(&self, host: &HostName, error: &TargetError) -> Fault {
        fault::target(host, error, self.in_force.bmc_origin(host))
    }

    /// Where it is written what was refused, as long as that is known.
    fn placed(&self, host: &HostName, fault: Fault) -> Fault {
        match self.in_force.bmc_origin(host) {
            Some(origin) if fault.code == Code::BmcRefusesUs => {
                fault.help(fault::refused_at(origin))
            }
            Some(_) | None => fault,
        }
    }

    /// How the BMCs of the site in force do; none where it has none, or where nobody watches them.
    pub(super) fn summary(&self) -> Option<BmcSummary> {
        self.board().summary()
    }

    // It is whole at each moment.
    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes all sessions, since the daemon ends.
    pub(super) async fn end(&self) {
        tokio::join!(self.pool.end(), self.claims.end());
    }
}
