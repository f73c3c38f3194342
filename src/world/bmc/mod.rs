//! Drivers that talk with BMCs: a folder for each protocol, and one face for all. They are told whom to ask and with which secret, and
//! read no site; [`Target::of`] alone knows what one says of a BMC.

mod discover;
pub mod ipmi;
mod pool;
pub mod redfish;
pub mod switch;
mod target;

use std::io;
use std::net::Ipv4Addr;

use crate::base::bmc::{
    BmcNetwork, BmcNetworkWish, BmcUser, BootOverride, ChassisStatus, Inventory, Light, LogEntry,
    Media, PowerAction, Sensor, SerialAccess,
};
use crate::base::name::UserName;
use crate::base::secret::Secret;
pub use discover::{Presence, has_route, look};
pub use ipmi::Console;
use ipmi::IpmiError;
pub use pool::{Caller, POLLED, Pool, PoolError};
pub use redfish::Told;
pub use target::{TargetError, endpoint, trusted};

/// Entries of a log that are read at most: more than a BMC's log holds, but for one that lies.
const ENTRIES: usize = 65_536;

/// What IPMI and switches have not.
const MEDIA: &str = "virtual media";

/// A BMC and how to be let in. It has no `Debug`: it holds a password.
pub enum Target {
    Ipmi(ipmi::Target),
    Redfish(redfish::Target),
    Switch(switch::Target),
}

/// A session with a BMC. BMCs have few, often four: whoever opens one closes it.
pub enum Session {
    Ipmi(Box<ipmi::Session>),
    Redfish(Box<redfish::Session>),
    Switch(switch::Session),
}

/// What a BMC has for who wants the machine's serial console.
pub enum ConsoleOffer {
    /// The console itself.
    Console(Console),
    /// Other ways that the BMC tells of; it has none by its own protocol.
    Ways(Vec<SerialAccess>),
}

/// Why a BMC did not do what it was asked for. Nothing of a secret is ever part of it.
#[derive(Debug, thiserror::Error)]
pub enum BmcError {
    #[error(transparent)]
    Ipmi(#[from] IpmiError),
    #[error(transparent)]
    Redfish(#[from] redfish::Error),
    #[error(transparent)]
    Switch(#[from] switch::SwitchError),
}

/// What kind of thing went wrong, whatever the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It does not answer, or has no time now.
    Unreachable,
    /// It is there, and nothing listens at its port.
    Closed,
    /// This controller has no route to it.
    NoRoute,
    /// It does not let us in. Never tried again by itself: accounts are locked after a few tries.
    Credentials,
    /// It is not known to be who it should be: nothing secret was told to it.
    Untrusted,
    /// It answers, and did not do it; or what it says cannot be used.
    Failed,
}

impl Target {
    /// # Errors
    /// Where the BMC does not answer, does not let us in, or is not trusted.
    pub async fn open(&self) -> Result<Session, BmcError> {
        Ok(match self {
            Self::Ipmi(target) => Session::Ipmi(Box::new(ipmi::Session::open(target).await?)),
            Self::Redfish(target) => {
                Session::Redfish(Box::new(redfish::Session::open(target).await?))
            }
            Self::Switch(target) => Session::Switch(switch::Session::open(target).await?),
        })
    }
}

impl Session {
    /// Whether the BMC still knows it, or the next question opens it anew; found out quickly.
    async fn is_alive(&mut self) -> bool {
        match self {
            Self::Ipmi(session) => session.is_alive().await,
            Self::Redfish(_) => true,
            Self::Switch(session) => session.is_alive(),
        }
    }

    /// # Errors
    /// Where the BMC does not tell.
    pub async fn chassis_status(&mut self) -> Result<ChassisStatus, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => session.chassis_status().await?,
            Self::Redfish(session) => session.chassis_status().await?,
            Self::Switch(session) => session.chassis_status().await?,
        })
    }

    /// Whether it can tell if the machine runs; where it cannot, nobody waits for it to say so.
    pub fn tells_power(&self) -> bool {
        match self {
            Self::Ipmi(_) | Self::Redfish(_) => true,
            Self::Switch(session) => session.tells_power(),
        }
    }

    /// Something that is another after each restart of the machine, or after one of another cause; none where the BMC tells nothing of them.
    ///
    /// # Errors
    /// Where the BMC does not answer.
    pub async fn restart_mark(&mut self) -> Result<Option<String>, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => session
                .restart_cause()
                .await?
                .map(|cause| cause.to_string()),
            Self::Redfish(session) => session.last_reset().await?,
            Self::Switch(session) => session.restarts().map(|count| count.to_string()),
        })
    }

    /// Asks for it; the machine may take its time, and [`Self::chassis_status`] tells when it is there.
    ///
    /// # Errors
    /// Where the BMC does not agree.
    pub async fn power(&mut self, action: PowerAction) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.power(action).await?,
            Self::Redfish(session) => session.power(action).await?,
            Self::Switch(session) => session.power(action).await?,
        }
        Ok(())
    }

    /// # Errors
    /// Where the BMC tells of none.
    pub async fn sensors(&mut self) -> Result<Told<Vec<Sensor>>, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => whole(session.sensors().await?),
            Self::Redfish(session) => session.sensors().await?,
            Self::Switch(session) => return Err(session.lacks("sensors").into()),
        })
    }

    /// The event log, the oldest entry first.
    ///
    /// # Errors
    /// Where the BMC has none, or does not tell of it.
    pub async fn log(&mut self) -> Result<Told<Vec<LogEntry>>, BmcError> {
        let session = match self {
            Self::Ipmi(session) => session,
            Self::Redfish(session) => return Ok(session.log().await?),
            Self::Switch(session) => return Err(session.lacks("event log").into()),
        };
        let (mut entries, mut from) = (Vec::new(), None);
        loop {
            let page = session.log(from).await?;
            entries.extend(page.entries);
            if entries.len() >= ENTRIES {
                let warnings = vec![format!("the log goes on after {ENTRIES} entries")];
                return Ok(Told {
                    value: entries,
                    warnings,
                });
            }
            match page.next {
                Some(next) => from = Some(next),
                None => return Ok(whole(entries)),
            }
        }
    }

    /// Clears that log, and waits until the BMC says that it is clear.
    ///
    /// # Errors
    /// Where it does not become so.
    pub async fn clear_log(&mut self) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.clear_log().await?,
            Self::Redfish(session) => session.clear_log().await?,
            Self::Switch(session) => return Err(session.lacks("event log").into()),
        }
        Ok(())
    }

    /// What the machine is made of.
    ///
    /// # Errors
    /// Where the BMC does not tell.
    pub async fn inventory(&mut self) -> Result<Told<Inventory>, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => whole(session.inventory().await?),
            Self::Redfish(session) => session.inventory().await?,
            Self::Switch(session) => return Err(session.lacks("inventory").into()),
        })
    }

    /// Opens the machine's serial console, in this session, which is the console's from then on; takes it from whoever has it where that
    /// is wanted.
    ///
    /// # Errors
    /// Where the BMC does not give it.
    pub async fn console(self, takes: bool) -> Result<ConsoleOffer, BmcError> {
        let mut session = match self {
            Self::Ipmi(session) if takes => {
                return Ok(ConsoleOffer::Console(session.take_console().await?));
            }
            Self::Ipmi(session) => return Ok(ConsoleOffer::Console(session.console().await?)),
            Self::Redfish(session) => session,
            Self::Switch(session) => return Err(session.lacks("console").into()),
        };
        let ways = session.console().await;
        // What it told stands, however the session ends.
        session.close().await.ok();
        Ok(ConsoleOffer::Ways(ways?.value))
    }

    /// Switches the light by which a person finds the machine.
    ///
    /// # Errors
    /// Where the BMC does not do it.
    pub async fn identify(&mut self, light: Light) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.identify(light).await?,
            Self::Redfish(session) => {
                let is_on = match light {
                    Light::Off => false,
                    Light::On => true,
                    Light::For(_) => {
                        return Err(redfish::Error::Unsupported("identify light for a time").into());
                    }
                };
                session.identify(is_on).await?;
            }
            Self::Switch(session) => return Err(session.lacks("light").into()),
        }
        Ok(())
    }

    /// The drives that the BMC lends the machine, and what is in them.
    ///
    /// # Errors
    /// Where the BMC has none, or does not tell of them.
    pub async fn media(&mut self) -> Result<Told<Vec<Media>>, BmcError> {
        Ok(match self {
            Self::Ipmi(_) => return Err(IpmiError::Unknown(MEDIA).into()),
            Self::Redfish(session) => session.media().await?,
            Self::Switch(session) => return Err(session.lacks(MEDIA).into()),
        })
    }

    /// Has what is at a URL in one of these drives, or nothing, and waits until the BMC says that it is so.
    ///
    /// # Errors
    /// Where it does not become so.
    pub async fn set_media(&mut self, drive: &str, image: Option<&str>) -> Result<(), BmcError> {
        match (self, image) {
            (Self::Ipmi(_), _) => return Err(IpmiError::Unknown(MEDIA).into()),
            (Self::Redfish(session), Some(url)) => session.insert_media(drive, url).await?,
            (Self::Redfish(session), None) => session.eject_media(drive).await?,
            (Self::Switch(session), _) => return Err(session.lacks(MEDIA).into()),
        }
        Ok(())
    }

    /// What overrides where the machine boots from, if anything does.
    ///
    /// # Errors
    /// Where the BMC does not tell.
    pub async fn boot(&mut self) -> Result<Option<BootOverride>, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => session.boot().await?,
            Self::Redfish(session) => session.boot().await?,
            Self::Switch(session) => return Err(session.lacks("boot order").into()),
        })
    }

    /// Has the machine boot from elsewhere, or as its firmware is set to.
    ///
    /// # Errors
    /// Where the BMC does not do it.
    pub async fn set_boot(&mut self, wanted: Option<BootOverride>) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.set_boot(wanted).await?,
            Self::Redfish(session) => session.set_boot(wanted).await?,
            Self::Switch(session) => return Err(session.lacks("boot order").into()),
        }
        Ok(())
    }

    /// How the BMC is on its network, which is asked at `own`.
    ///
    /// # Errors
    /// Where it does not tell.
    pub async fn network(&mut self, own: Ipv4Addr) -> Result<BmcNetwork, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => session.network().await?,
            Self::Redfish(session) => session.network(own).await?,
            Self::Switch(session) => return Err(session.lacks("network").into()),
        })
    }

    /// Has it be so. It may be elsewhere before it has answered: whoever wants to know what came of it asks anew.
    ///
    /// # Errors
    /// Where the BMC does not do it.
    pub async fn set_network(
        &mut self,
        own: Ipv4Addr,
        wanted: &BmcNetworkWish,
    ) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.set_network(wanted).await?,
            Self::Redfish(session) => session.set_network(own, wanted).await?,
            Self::Switch(session) => return Err(session.lacks("network").into()),
        }
        Ok(())
    }

    /// All users of the BMC that have a name.
    ///
    /// # Errors
    /// Where it does not tell of every one.
    pub async fn users(&mut self) -> Result<Vec<(String, BmcUser)>, BmcError> {
        Ok(match self {
            Self::Ipmi(session) => session.users().await?,
            Self::Redfish(session) => session.users().await?,
            Self::Switch(session) => return Err(session.lacks("users").into()),
        })
    }

    /// Has a user be so, with this password or the one that it has; one that is not there is made.
    ///
    /// # Errors
    /// Where the BMC does not do it.
    pub async fn set_user(
        &mut self,
        name: &UserName,
        wanted: &BmcUser,
        secret: Option<&Secret>,
    ) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.set_user(name, wanted, secret).await?,
            Self::Redfish(session) => session.set_user(name, wanted, secret).await?,
            Self::Switch(session) => return Err(session.lacks("users").into()),
        }
        Ok(())
    }

    /// Takes a user away.
    ///
    /// # Errors
    /// Where the BMC does not do it.
    pub async fn remove_user(&mut self, name: &UserName) -> Result<(), BmcError> {
        match self {
            Self::Ipmi(session) => session.remove_user(name).await?,
            Self::Redfish(session) => session.remove_user(name).await?,
            Self::Switch(session) => return Err(session.lacks("users").into()),
        }
        Ok(())
    }

    /// Ends it. A BMC that does not answer any more forgets the session by itself.
    pub async fn close(self) {
        match self {
            Self::Ipmi(session) => session.close().await,
            Self::Redfish(session) => drop(session.close().await),
            // Nothing at the other end remembers it.
            Self::Switch(_) => {}
        }
    }
}

/// What was read without anything amiss.
fn whole<T>(value: T) -> Told<T> {
    Told {
        value,
        warnings: Vec::new(),
    }
}

impl BmcError {
    /// Whether the BMC has not the machine that it was asked for, and may have others.
    fn is_of_the_machine(&self) -> bool {
        use redfish::Error::{Ambiguous, Missing};
        matches!(self, Self::Redfish(Missing { .. } | Ambiguous { .. }))
    }

    pub fn trouble(&self) -> Trouble {
        match self {
            Self::Ipmi(error) => of_ipmi(error),
            Self::Redfish(error) => of_redfish(error),
            Self::Switch(error) => error.trouble(),
        }
    }
}

impl Trouble {
    /// What the operating system says of a way that does not open.
    pub(in crate::world) fn of_way(kind: io::ErrorKind) -> Self {
        if kind == io::ErrorKind::ConnectionRefused {
            Self::Closed
        } else if kind == io::ErrorKind::NetworkUnreachable {
            Self::NoRoute
        } else {
            Self::Unreachable
        }
    }
}

fn of_ipmi(error: &IpmiError) -> Trouble {
    match error {
        IpmiError::Network(kind) => Trouble::of_way(*kind),
        IpmiError::Closed(_) => Trouble::Closed,
        IpmiError::Unreachable { .. }
        | IpmiError::ConsoleSilent(_)
        | IpmiError::NoRoom
        | IpmiError::SessionLost
        | IpmiError::Unconfirmed { .. }
        | IpmiError::NoRandomness => Trouble::Unreachable,
        IpmiError::Credentials(_) => Trouble::Credentials,
        IpmiError::Downgrade { .. } => Trouble::Untrusted,
        IpmiError::NoSuite(_)
        | IpmiError::NoSession(_)
        | IpmiError::ConsoleInUse
        | IpmiError::ConsoleTaken
        | IpmiError::Refused { .. }
        | IpmiError::Malformed(_)
        | IpmiError::Unsupported(_)
        | IpmiError::Unknown(_)
        | IpmiError::TooLong(..) => Trouble::Failed,
    }
}

fn of_redfish(error: &redfish::Error) -> Trouble {
    use redfish::Error;
    match error {
        Error::Unreachable(error) => Trouble::of_way(error.kind()),
        Error::Silent(_) | Error::Lost(_) | Error::Busy(_) | Error::Tls(_) => Trouble::Unreachable,
        Error::Credentials => Trouble::Credentials,
        Error::Distrust(_) | Error::Setup(_) => Trouble::Untrusted,
        Error::Session
        | Error::Refused(_)
        | Error::Malformed { .. }
        | Error::Unsupported(_)
        | Error::NotAllowed { .. }
        | Error::NoCycle { .. }
        | Error::Missing { .. }
        | Error::Ambiguous { .. }
        | Error::NotDone { .. }
        | Error::Unfinished(_) => Trouble::Failed,
    }
}
