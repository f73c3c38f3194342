//! What a machine's BMC reads: sensors, its log, what the machine is made of, and the certificate that it shows.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::{Bmcs, InventoryDifference, MachineDrift, MachineSelection, fault};
use crate::base::bmc::{BmcInterface, Inventory, LogEntry, Sensor};
use crate::base::name::HostName;
use crate::diag::fault::Fault;
use crate::site::model::Bmc;
use crate::state::asked_at;
use crate::world::bmc::{BmcError, Session, Told, Trouble};

/// What a BMC told, and what it said that could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BmcReading<T> {
    pub machine: HostName,
    pub read: T,
    /// One thing that is amiss costs only itself.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// What a machine is made of, and how that differs from what the site says of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BmcInventory {
    #[serde(flatten)]
    pub reading: BmcReading<Inventory>,
    #[serde(default)]
    pub differences: Vec<InventoryDifference>,
    /// How the BMC itself is on its network, where it is asked by IPv4 and tells.
    #[serde(default)]
    pub network: Option<BmcInterface>,
}

impl Bmcs {
    pub(in crate::daemon) async fn sensors(
        &self,
        machine: HostName,
    ) -> Result<BmcReading<Vec<Sensor>>, Fault> {
        self.read(machine, async |session| session.sensors().await)
            .await
    }

    /// The event log, cleared after it was read where that is wanted.
    pub(in crate::daemon) async fn log(
        &self,
        machine: HostName,
        clear: bool,
    ) -> Result<BmcReading<Vec<LogEntry>>, Fault> {
        let of = machine.clone();
        self.read(machine, async |session| {
            let read = session.log().await?;
            if clear {
                session.clear_log().await?;
                tracing::info!(machine = %of, "the event log was cleared");
            }
            Ok(read)
        })
        .await
    }

    /// What it tells is remembered, and held against the site from then on.
    pub(in crate::daemon) async fn inventory(
        &self,
        machine: HostName,
    ) -> Result<BmcInventory, Fault> {
        let own = asked_at(&self.bmc_of(&machine).await?);
        let read = self.read(machine, async |session| {
            let Told {
                value,
                mut warnings,
            } = session.inventory().await?;
            let network = network(session, own, &mut warnings).await?;
            let value = (value, network);
            Ok(Told { value, warnings })
        });
        let BmcReading {
            machine,
            read: (read, network),
            warnings,
        } = read.await?;
        let says = self.in_force.says().await?;
        let differences = self.looks.keep(&machine, &read, &says);
        Ok(BmcInventory {
            reading: BmcReading {
                machine,
                read,
                warnings,
            },
            differences,
            network,
        })
    }

    /// The machines that are not what the site says, of those whose inventories were read.
    pub(in crate::daemon) async fn machine_drift(&self) -> Vec<MachineDrift> {
        match self.in_force.says().await {
            Ok(says) => self.looks.drift(&says),
            // That the site cannot be read is told by those who need it.
            Err(_) => Vec::new(),
        }
    }

    async fn read<T>(
        &self,
        machine: HostName,
        what: impl AsyncFnOnce(&mut Session) -> Result<Told<T>, BmcError>,
    ) -> Result<BmcReading<T>, Fault> {
        let bmc = self.bmc_of(&machine).await?;
        let Told { value, warnings } = self
            .with((&machine, &bmc), async |session| {
                let read = what(session).await;
                read.map_err(|error| fault::bmc(&machine, &bmc, &error))
            })
            .await?;
        Ok(BmcReading {
            machine,
            read: value,
            warnings,
        })
    }

    pub(super) async fn bmc_of(&self, machine: &HostName) -> Result<Bmc, Fault> {
        let which = MachineSelection {
            machines: vec![machine.clone()],
            ..MachineSelection::default()
        };
        let mut chosen = self.chosen(&which).await?;
        chosen.remove(machine).ok_or_else(|| fault::no_bmc(machine))
    }
}

/// How a BMC that is asked at `own` is on its network. What it does not tell of that costs nothing else.
async fn network(
    session: &mut Session,
    own: Option<Ipv4Addr>,
    warnings: &mut Vec<String>,
) -> Result<Option<BmcInterface>, BmcError> {
    let Some(own) = own else {
        return Ok(None);
    };
    match session.network(own).await {
        Ok(told) => Ok(Some(told.at(own))),
        Err(error) if error.trouble() == Trouble::Failed => {
            warnings.push(format!("the BMC's own network was not read: {error}"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
