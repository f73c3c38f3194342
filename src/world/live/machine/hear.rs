//! What plans and applies hear of BMCs, for whoever keeps how those do. Decides nothing.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Machines;
use super::error::MachineError;
use crate::base::bmc::PowerState;
use crate::base::name::HostName;
use crate::site::model::{Bmc, BmcProtocol};
use crate::state::{Silence, Unreached};

/// As many may wait to be taken.
pub(super) const WAITING: usize = 64;

/// How long whoever takes it may take: who asked is answered after that.
const TAKEN_WITHIN: Duration = Duration::from_secs(1);

/// What came of asking a BMC that is in force.
pub struct Heard {
    pub machine: HostName,
    /// How the machine is, where that was asked, or why nobody can tell.
    pub came: Result<Option<PowerState>, Unreached>,
    /// Whoever asked is answered once this is used, so that he finds in the status what he was told.
    pub taken: oneshot::Sender<()>,
}

impl Machines {
    /// Tells what came of asking a BMC. One that is not in force is nobody's matter yet.
    pub(super) async fn hear(
        &self,
        machine: &HostName,
        bmc: &Bmc,
        came: Result<Option<PowerState>, Unreached>,
    ) {
        let Some(ear) = &self.ear else { return };
        if !self.is_in_force(machine, bmc) {
            return;
        }
        let (taken, done) = oneshot::channel();
        let machine = machine.clone();
        let heard = Heard {
            machine,
            came,
            taken,
        };
        // Nobody hears it any more once the daemon ends.
        if ear.send(heard).await.is_ok() {
            let _late = timeout(TAKEN_WITHIN, done).await;
        }
    }

    /// The same of what failed, as far as that says how the BMC does.
    pub(super) async fn hear_error(&self, machine: &HostName, bmc: &Bmc, error: &MachineError) {
        if error.is_of_the_bmc() {
            let came = self.helped(machine, bmc, error.untold(bmc));
            self.hear(machine, bmc, Err(came)).await;
        }
    }

    /// With what to do about a certificate that is not trusted.
    pub(super) fn helped(&self, machine: &HostName, bmc: &Bmc, untold: Unreached) -> Unreached {
        let has_certificate = matches!(
            bmc.protocol,
            BmcProtocol::Redfish { .. } | BmcProtocol::Webhook(_)
        );
        if untold.why != Silence::Untrusted || !has_certificate {
            return untold;
        }
        // The daemon knows the BMC by what is in force.
        let first = match self.is_in_force(machine, bmc) {
            true => "",
            false => "once this is applied, ",
        };
        let help = format!("{first}`bedplate bmc trust {machine}` shows its certificate");
        Unreached {
            help: Some(help),
            ..untold
        }
    }

    fn is_in_force(&self, machine: &HostName, bmc: &Bmc) -> bool {
        let in_force = self.in_force.borrow();
        in_force.get(machine).is_some_and(|one| **one == *bmc)
    }
}

/// Where it is heard.
pub(super) type Ear = mpsc::Sender<Heard>;
