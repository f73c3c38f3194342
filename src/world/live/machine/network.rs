//! Networks of BMCs: told through the very network that changes, and believed once the BMC is found there again.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{MachineError, Machines, PAUSE, SET_WITHIN};
use crate::site::model::Bmc;
use crate::state::{Network, Resource, asked_at};
use crate::world::bmc::{BmcError, Session};

/// How long a BMC may be out of reach while it takes up its network anew.
const AWAY: Duration = Duration::from_secs(90);

/// How it is on its network. The site's rules see to it that it is asked at an address of IPv4.
pub(super) async fn found(session: &mut Session, bmc: &Bmc) -> Result<Network, BmcError> {
    let told = session.network(own(bmc)).await?;
    Ok(Network::found(told))
}

fn own(bmc: &Bmc) -> Ipv4Addr {
    asked_at(bmc).unwrap_or(Ipv4Addr::UNSPECIFIED)
}

impl Machines {
    /// Has a BMC be on its network so, and looks until it is found again and reports that. One that is found and is not so is told to be as
    /// it was; for one that is not found nobody can do anything.
    pub(super) async fn become_networked(
        &self,
        bmc: &Bmc,
        wanted: &Network,
        before: Option<&Resource>,
    ) -> Result<(), MachineError> {
        self.tell(bmc, wanted).await?;
        let began = Instant::now();
        let mut heard: Option<Instant> = None;
        let found = loop {
            match self
                .with(bmc, async |session| found(session, bmc).await)
                .await
            {
                Ok(found) if wanted.is_met_by(&found) => return Ok(()),
                Ok(found) => {
                    let since = *heard.get_or_insert_with(Instant::now);
                    if since.elapsed() > SET_WITHIN {
                        break found;
                    }
                }
                Err(error) => {
                    heard = None;
                    if !error.is_away() || began.elapsed() > AWAY {
                        return Err(error);
                    }
                }
            }
            sleep(PAUSE).await;
        };
        if let Some(Resource::Network(before)) = before
            && let Err(error) = self.tell(bmc, before).await
        {
            tracing::error!(bmc = %bmc.place(), error = super::inner(&error), "its network is not as it was");
        }
        Err(MachineError::NotThere {
            wanted: wanted.summary(),
            found: found.summary(),
            seconds: began.elapsed().as_secs(),
        })
    }

    async fn tell(&self, bmc: &Bmc, wanted: &Network) -> Result<(), MachineError> {
        let own = own(bmc);
        let wish = wanted.wish(own);
        self.with(bmc, async |session| session.set_network(own, &wish).await)
            .await
    }
}
