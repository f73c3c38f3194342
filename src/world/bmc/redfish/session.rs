//! One system of one BMC, while a session with it is open.

use super::client::Client;
use super::error::Error;
use super::model::link::Link;
use super::model::system::status;
use super::target::Target;
use super::{boot, identify, power, system};
use crate::base::bmc::{BootOverride, ChassisStatus, PowerAction};

/// A session on a BMC, for one of its systems. Whoever drops it without [`Session::close`] leaves one of the few sessions that a BMC has
/// taken until the BMC ends it.
pub struct Session {
    client: Client,
    system: Link,
}

impl Session {
    /// Verifies who is there, logs in, and finds the system. Nothing is left open where that fails.
    pub async fn open(target: &Target) -> Result<Self, Error> {
        let mut client = Client::open(target).await?;
        match system::choose(&mut client, target.system.as_deref()).await {
            Ok(system) => Ok(Self { client, system }),
            Err(error) => {
                // The first failure tells more than that of ending the session.
                client.close().await.ok();
                Err(error)
            }
        }
    }

    /// The id of the system.
    pub fn system(&self) -> &str {
        self.system.id()
    }

    pub async fn chassis_status(&mut self) -> Result<ChassisStatus, Error> {
        self.client.wire.begin();
        Ok(status(&self.client.get(&self.system).await?.value))
    }

    /// Does it, as far as the BMC is concerned: the machine may take its time.
    pub async fn power(&mut self, action: PowerAction) -> Result<(), Error> {
        self.client.wire.begin();
        power::power(&mut self.client, &self.system, action).await
    }

    /// The boot override that is in force, or waits for the next boot.
    pub async fn boot(&mut self) -> Result<Option<BootOverride>, Error> {
        self.client.wire.begin();
        boot::boot(&mut self.client, &self.system).await
    }

    /// Sets a boot override, or takes it away, and verifies that.
    pub async fn set_boot(&mut self, wanted: Option<BootOverride>) -> Result<(), Error> {
        self.client.wire.begin();
        boot::set_boot(&mut self.client, &self.system, wanted).await
    }

    /// Switches the identify light, and verifies that.
    pub async fn identify(&mut self, is_on: bool) -> Result<(), Error> {
        self.client.wire.begin();
        identify::identify(&mut self.client, &self.system, is_on).await
    }

    /// Ends the session on the BMC.
    pub async fn close(mut self) -> Result<(), Error> {
        self.client.close().await
    }
}
