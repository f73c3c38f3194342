//! Speaks with the BMCs of the site that is in force. Answered beside the owner of the world, who has no ear for anybody while it
//! applies: a BMC that hangs keeps nobody from anything else.

mod choose;
mod console;
mod fault;
mod power;
mod reading;
mod wish;

use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::in_force::InForce;
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::world::bmc::{Session, Target};
use crate::world::https::Trust;

use console::{Claims, Recordings};

pub use choose::MachineSelection;
pub use console::{
    ConsoleFrame, ConsoleOpened, ConsoleOrder, PROTOCOL as CONSOLE_PROTOCOL, RECORDING_BYTES,
    RECORDING_DAYS, RECORDING_MACHINE_BYTES, RecordingHeader, RecordingRow,
};
pub use power::{PowerEvent, PowerOrder};
pub use reading::{BmcReading, ShownCertificate};
pub use wish::{BmcEvent, BmcOrder, BmcState, BmcWish};

/// Sessions that are open at once: a rack's worth, and little memory.
const AT_ONCE: usize = 128;

/// All BMCs of the site in force.
#[derive(Clone)]
pub(super) struct Bmcs {
    in_force: InForce,
    trust: Trust,
    all: Arc<Semaphore>,
    /// BMCs that somebody speaks with: each with one at a time, since it has few sessions, and fewer thoughts.
    each: Arc<Mutex<HashMap<IpAddr, Arc<Semaphore>>>>,
    claims: Claims,
    recordings: Recordings,
}

/// Leave to speak with a BMC.
struct Turn {
    _one: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Bmcs {
    /// Recordings of consoles are kept in this folder.
    pub(super) fn new(in_force: InForce, recordings: PathBuf) -> Self {
        Self {
            in_force,
            trust: Trust::default(),
            all: Arc::new(Semaphore::new(AT_ONCE)),
            each: Arc::default(),
            claims: Claims::default(),
            recordings: Recordings::new(recordings),
        }
    }

    /// Opens a session with a machine's BMC, does `what` with it, and closes it however that ended.
    async fn with<T>(
        &self,
        (host, bmc): (&HostName, &Bmc),
        what: impl AsyncFnOnce(&mut Session) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let _turn = self.turn(bmc.address).await?;
        // Read when its turn has come: nobody holds a secret while he waits.
        let target = Target::of(bmc, &self.trust).await;
        let target = target.map_err(|error| fault::target(host, &error))?;
        let opened = target.open().await;
        let mut session = opened.map_err(|error| fault::bmc(host, bmc, &error))?;
        let done = what(&mut session).await;
        session.close().await;
        done
    }

    /// Waits until nobody else speaks with the BMC at `address`, and not too many with others.
    async fn turn(&self, address: IpAddr) -> Result<Turn, Fault> {
        let own = {
            let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
            // Those that nobody waits for are forgotten.
            each.retain(|_, own| Arc::strong_count(own) > 1);
            Arc::clone(
                each.entry(address)
                    .or_insert_with(|| Arc::new(Semaphore::new(1))),
            )
        };
        // First the one: who waits for a BMC takes no room from others.
        let one = own.acquire_owned().await;
        let all = Arc::clone(&self.all).acquire_owned().await;
        let closed = |_| super::fault::closing();
        Ok(Turn {
            _one: one.map_err(closed)?,
            _all: all.map_err(closed)?,
        })
    }
}
