//! Speaks with the BMCs of the site that is in force. Answered beside the owner of the world, who has no ear for anybody while it
//! applies: a BMC that hangs keeps nobody from anything else.

mod choose;
mod compare;
mod console;
mod discover;
mod fault;
mod power;
mod reading;
mod wish;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Semaphore;

use super::in_force::InForce;
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::world::bmc::{Caller, Pool, PoolError, Session, Target};
use crate::world::https::Trust;

use compare::Looks;
use console::{Claims, Recordings};

pub use choose::MachineSelection;
pub use compare::{InventoryDifference, MachineDrift};
pub use console::{
    ConsoleFrame, ConsoleOpened, ConsoleOrder, PROTOCOL as CONSOLE_PROTOCOL, RECORDING_BYTES,
    RECORDING_DAYS, RECORDING_MACHINE_BYTES, RecordingHeader, RecordingRow,
};
pub use discover::{FoundBmc, FoundRedfish, MatchedBy, SweepEvent, SweepOrder};
pub use power::{PowerEvent, PowerOrder};
pub use reading::{BmcInventory, BmcReading, ShownCertificate};
pub use wish::{BmcEvent, BmcOrder, BmcState, BmcWish};

/// All BMCs of the site in force.
#[derive(Clone)]
pub(super) struct Bmcs {
    in_force: InForce,
    trust: Trust,
    pool: Pool,
    claims: Claims,
    recordings: Recordings,
    /// One sweep at a time: the network is others' too.
    sweeps: Arc<Semaphore>,
    looks: Looks,
}

impl Bmcs {
    /// They speak through the sessions of `pool`. Recordings of consoles are kept in a folder.
    pub(super) fn new(in_force: InForce, pool: Pool, recordings: PathBuf) -> Self {
        Self {
            in_force,
            trust: Trust::default(),
            pool,
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
        let target = async || {
            let target = Target::of(bmc, &self.trust).await;
            target.map_err(|error| fault::target(host, &error))
        };
        let address = bmc.address;
        let done = self
            .pool
            .with(address, Caller::Operator, target, what)
            .await;
        done.map_err(|error| match error {
            PoolError::Own(fault) => fault,
            PoolError::Bmc(error) => fault::bmc(host, bmc, &error),
            // Of these, all but the last happen to those who ask by themselves alone.
            PoolError::Refused | PoolError::NotBefore(_) | PoolError::Busy | PoolError::Ending => {
                super::fault::closing()
            }
        })
    }

    /// Closes all sessions, since the daemon ends.
    pub(super) async fn end(&self) {
        tokio::join!(self.pool.end(), self.claims.end());
    }
}
