//! Users of BMCs: who is there, whether the password of the site lets them in, and how they become what the site wants.

use std::collections::BTreeMap;

use tokio::time::{Instant, sleep};

use super::error::TooLong;
use super::{MachineError, Machines, PAUSE, SET_WITHIN, Sought, failed};
use crate::base::bmc::BmcUser;
use crate::base::name::UserName;
use crate::base::secret::{Secret, SecretRef};
use crate::plan::Step;
use crate::site::model::{Bmc, BmcProtocol};
use crate::state::{Key, Password, Resource, Unreached, User};
use crate::world::bmc::ipmi::{IpmiError, LONG_PASSWORD};
use crate::world::bmc::{BmcError, PoolError, Session, TargetError, Trouble};
use crate::world::secret;

/// What a BMC tells of a thing; none where it has no such thing.
pub(super) type Told = (Key, Result<Option<Resource>, Unreached>);

impl Machines {
    /// What a BMC tells of its users.
    pub(super) async fn users(
        &self,
        bmc: &Bmc,
        session: &mut Session,
        sought: &[Sought],
    ) -> Result<Vec<Told>, BmcError> {
        let listed: BTreeMap<String, BmcUser> = match session.users().await {
            Ok(listed) => listed.into_iter().collect(),
            Err(error) if error.trouble() == Trouble::Failed => {
                let all = sought.iter().map(|one| one.key.clone());
                return Ok(all.map(|key| (key, Err(failed(bmc, &error)))).collect());
            }
            Err(error) => return Err(error),
        };
        let mut told = Vec::new();
        for Sought { key, wanted, .. } in sought {
            let Key::User { user: name, .. } = key else {
                continue;
            };
            let found = match listed.get(name.as_str()) {
                Some(found) => self
                    .known(bmc, name, found, wanted.as_ref())
                    .await
                    .map(Some),
                None => readable(bmc, name, kept(wanted.as_ref()))
                    .await
                    .map(|()| None),
            };
            told.push((key.clone(), found));
        }
        Ok(told)
    }

    /// One of them. Its password is tried where the site says one, and where it is let in at all.
    async fn known(
        &self,
        bmc: &Bmc,
        name: &UserName,
        found: &BmcUser,
        wanted: Option<&Resource>,
    ) -> Result<Resource, Unreached> {
        let mut user = User::found(found.clone());
        let kept = kept(wanted);
        match kept.filter(|_| found.enabled) {
            Some(place) => {
                let by = bmc.as_user(name, &found.role, place);
                let lets_in = self.pool.lets_in(&by, false).await;
                let lets_in = lets_in.map_err(|error| met(bmc, name, place, error));
                if lets_in.map_err(|error| error.untold(bmc))? {
                    user.password = Password::Kept(place.clone());
                }
            }
            None => readable(bmc, name, kept).await?,
        }
        Ok(Resource::User(user))
    }

    /// Has a user become what a step says, and looks until the BMC reports that, and lets it in.
    pub(super) async fn become_user(
        &self,
        bmc: &Bmc,
        name: &UserName,
        step: &Step,
    ) -> Result<(), MachineError> {
        // The site's rules see to that, and here too much hangs on it.
        if bmc.is_own(name) {
            return Err(MachineError::OwnAccount);
        }
        let Some(Resource::User(wanted)) = &step.after else {
            self.with(bmc, async |session| session.remove_user(name).await)
                .await?;
            return self.reported(bmc, name, None).await;
        };
        let before = match &step.before {
            Some(Resource::User(before)) => Some(before),
            Some(_) | None => None,
        };
        let is_new = before.is_none_or(|before| before.password != wanted.password);
        let place = wanted.kept().filter(|_| is_new);
        let secret = match place {
            Some(place) => Some(read(bmc, name, place).await?),
            None => None,
        };
        let told = wanted.told();
        let set = self.with(bmc, async |session| {
            if step.before.is_none() && find(session, name).await?.is_some() {
                return Ok(false);
            }
            session.set_user(name, &told, secret.as_ref()).await?;
            Ok(true)
        });
        if !set.await? {
            return Err(MachineError::Taken { name: name.clone() });
        }
        drop(secret);
        self.reported(bmc, name, Some(&told)).await?;
        let Some(place) = place else {
            return Ok(());
        };
        let by = bmc.as_user(name, &told.role, place);
        let lets_in = self.with(bmc, async |_| Ok(self.pool.lets_in(&by, true).await));
        match lets_in
            .await?
            .map_err(|error| met(bmc, name, place, error))?
        {
            true => Ok(()),
            false => Err(MachineError::NotLetIn {
                at: bmc.place(),
                name: name.clone(),
            }),
        }
    }

    /// Looks until the BMC reports a user so; some take their time.
    async fn reported(
        &self,
        bmc: &Bmc,
        name: &UserName,
        wanted: Option<&BmcUser>,
    ) -> Result<(), MachineError> {
        let began = Instant::now();
        loop {
            let found = self.with(bmc, async |session| find(session, name).await);
            let found = found.await?;
            let is_so = match (&found, wanted) {
                (Some(found), Some(wanted)) => found.is_as(wanted),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            };
            if is_so {
                return Ok(());
            }
            if began.elapsed() > SET_WITHIN {
                let words = |user: Option<BmcUser>| match user {
                    Some(user) => Resource::User(User::found(user)).summary(),
                    None => "absent".to_owned(),
                };
                return Err(MachineError::NotThere {
                    wanted: words(wanted.cloned()),
                    found: words(found),
                    seconds: began.elapsed().as_secs(),
                });
            }
            sleep(PAUSE).await;
        }
    }
}

async fn find(session: &mut Session, name: &UserName) -> Result<Option<BmcUser>, BmcError> {
    let listed = session.users().await?;
    let mut named = listed.into_iter().filter(|(one, _)| one == name.as_str());
    Ok(named.next().map(|(_, user)| user))
}

/// A password that a user is to be told.
async fn read(bmc: &Bmc, name: &UserName, place: &SecretRef) -> Result<Secret, MachineError> {
    let read = secret::read(place).await;
    let secret = read.map_err(|source| MachineError::Password {
        name: name.clone(),
        source: TargetError::Secret {
            reference: place.clone(),
            source,
        },
    })?;
    let is_ipmi = matches!(bmc.protocol, BmcProtocol::Ipmi { .. });
    match is_ipmi && secret.bytes().len() > LONG_PASSWORD {
        true => Err(too_long(name, place)),
        false => Ok(secret),
    }
}

fn too_long(name: &UserName, place: &SecretRef) -> MachineError {
    MachineError::LongPassword {
        name: name.clone(),
        source: TooLong {
            reference: place.clone(),
            most: LONG_PASSWORD,
        },
    }
}

/// Whether a user can be told a password: where it cannot be read, or is too long, that is known before the BMC is told anything.
async fn readable(bmc: &Bmc, name: &UserName, place: Option<&SecretRef>) -> Result<(), Unreached> {
    let Some(place) = place else {
        return Ok(());
    };
    let read = read(bmc, name, place).await;
    read.map(drop).map_err(|error| error.untold(bmc))
}

/// Where the site keeps the password of a user whom it wants.
fn kept(wanted: Option<&Resource>) -> Option<&SecretRef> {
    match wanted {
        Some(Resource::User(wanted)) => wanted.kept(),
        Some(_) | None => None,
    }
}

/// What it means that a user is not let in by the password of the site.
fn met(
    bmc: &Bmc,
    name: &UserName,
    place: &SecretRef,
    error: PoolError<MachineError>,
) -> MachineError {
    match error {
        // The site's rules see to the length of a name.
        PoolError::Bmc(BmcError::Ipmi(IpmiError::TooLong(..))) => too_long(name, place),
        PoolError::Target(source @ TargetError::Secret { .. }) => MachineError::Password {
            name: name.clone(),
            source,
        },
        PoolError::Target(_)
        | PoolError::Bmc(_)
        | PoolError::Own(_)
        | PoolError::Refused
        | PoolError::NotBefore(_)
        | PoolError::Busy
        | PoolError::Ending => super::met(bmc, error),
    }
}
