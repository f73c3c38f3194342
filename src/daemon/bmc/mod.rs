//! Speaks with the BMCs of the site that is in force. Answered beside the owner of the world, who has no ear for anybody while it
//! applies: a BMC that hangs keeps nobody from anything else.

mod choose;
mod fault;
mod power;
mod reading;

use super::in_force::InForce;
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::world::bmc::{Caller, Pool, PoolError, Session};

pub use choose::MachineSelection;
pub use power::{PowerEvent, PowerOrder};
pub use reading::{BmcReading, ShownCertificate};

/// All BMCs of the site in force.
#[derive(Clone)]
pub(super) struct Bmcs {
    in_force: InForce,
    pool: Pool,
}

impl Bmcs {
    pub(super) fn new(in_force: InForce) -> Self {
        Self {
            in_force,
            pool: Pool::default(),
        }
    }

    /// Does `what` in a session with a machine's BMC, as soon as nobody else speaks with it and there is room.
    async fn with<T>(
        &self,
        (host, bmc): (&HostName, &Bmc),
        what: impl AsyncFnOnce(&mut Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = self.pool.with(bmc, Caller::Operator, what).await;
        done.map_err(|error| match error {
            PoolError::Own(fault) => fault,
            PoolError::Target(error) => fault::target(host, &error),
            PoolError::Bmc(error) => fault::bmc(host, bmc, &error),
            // Of these, all but the last happen to those who ask by themselves alone.
            PoolError::Refused | PoolError::NotBefore(_) | PoolError::Busy | PoolError::Ending => {
                super::fault::closing()
            }
        })
    }

    /// Closes all sessions, since the daemon ends.
    pub(super) async fn end(&self) {
        self.pool.end().await;
    }
}
