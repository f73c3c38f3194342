//! One system of one BMC, while a session with it is open.

use std::net::Ipv4Addr;

use super::client::Client;
use super::error::Error;
use super::model::link::Link;
use super::model::system::{last_reset, status};
use super::target::Target;
use super::told::Told;
use super::{
    boot, console, identify, inventory, log, media, network, power, sensors, system, users,
};
use crate::base::bmc::{
    BmcNetwork, BmcNetworkWish, BmcUser, BootOverride, ChassisStatus, Inventory, LogEntry, Media,
    PowerAction, Sensor, SerialAccess,
};
use crate::base::name::UserName;
use crate::base::secret::Secret;

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

    /// When the system last came out of a reset; none where the BMC does not tell.
    pub async fn last_reset(&mut self) -> Result<Option<String>, Error> {
        self.client.wire.begin();
        Ok(last_reset(&self.client.get(&self.system).await?.value))
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

    /// The sensors of the chassis that the system is in.
    pub async fn sensors(&mut self) -> Result<Told<Vec<Sensor>>, Error> {
        self.client.wire.begin();
        sensors::sensors(&mut self.client, &self.system).await
    }

    /// The system event log, or the log that is nearest to it; the oldest entry first.
    pub async fn log(&mut self) -> Result<Told<Vec<LogEntry>>, Error> {
        self.client.wire.begin();
        log::log(&mut self.client, &self.system).await
    }

    /// Clears that log, and verifies that.
    pub async fn clear_log(&mut self) -> Result<(), Error> {
        self.client.wire.begin();
        log::clear(&mut self.client, &self.system).await
    }

    /// What the machine is made of.
    pub async fn inventory(&mut self) -> Result<Told<Inventory>, Error> {
        self.client.wire.begin();
        inventory::inventory(&mut self.client, &self.system).await
    }

    /// The drives that the BMC can lend the machine.
    pub async fn media(&mut self) -> Result<Told<Vec<Media>>, Error> {
        self.client.wire.begin();
        media::list(&mut self.client, &self.system).await
    }

    /// Puts what is at a URL into one of them, and verifies that. No error repeats the URL: it may hold a password.
    pub async fn insert_media(&mut self, id: &str, url: &str) -> Result<(), Error> {
        self.client.wire.begin();
        media::insert(&mut self.client, &self.system, id, url).await
    }

    /// Empties one of them, and verifies that.
    pub async fn eject_media(&mut self, id: &str) -> Result<(), Error> {
        self.client.wire.begin();
        media::eject(&mut self.client, &self.system, id).await
    }

    /// How the BMC is on its network, by the interface with the address that it is asked at.
    pub async fn network(&mut self, own: Ipv4Addr) -> Result<BmcNetwork, Error> {
        self.client.wire.begin();
        network::network(&mut self.client, &self.system, own).await
    }

    /// Has it be so. Whoever wants to know what came of it asks anew.
    pub async fn set_network(
        &mut self,
        own: Ipv4Addr,
        wanted: &BmcNetworkWish,
    ) -> Result<(), Error> {
        self.client.wire.begin();
        network::set_network(&mut self.client, &self.system, own, wanted).await
    }

    /// All users that have a name.
    pub async fn users(&mut self) -> Result<Vec<(String, BmcUser)>, Error> {
        self.client.wire.begin();
        users::users(&mut self.client).await
    }

    /// Has a user be so, and verifies that; makes one that is not there, which needs a password.
    pub async fn set_user(
        &mut self,
        name: &UserName,
        wanted: &BmcUser,
        secret: Option<&Secret>,
    ) -> Result<(), Error> {
        self.client.wire.begin();
        users::set_user(&mut self.client, name, wanted, secret).await
    }

    /// Takes a user away, and verifies that.
    pub async fn remove_user(&mut self, name: &UserName) -> Result<(), Error> {
        self.client.wire.begin();
        users::remove_user(&mut self.client, name).await
    }

    /// The ways to the machine's serial console.
    pub async fn console(&mut self) -> Result<Told<Vec<SerialAccess>>, Error> {
        self.client.wire.begin();
        console::console(&mut self.client, &self.system).await
    }

    /// Ends the session on the BMC.
    pub async fn close(mut self) -> Result<(), Error> {
        self.client.close().await
    }
}
