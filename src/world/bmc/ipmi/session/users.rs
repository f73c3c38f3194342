//! The BMC's users. They are the BMC's own matter: only an administrator may change them.

use super::super::codec::user::{
    Access, Gate, NAME, THIS_CHANNEL, access, channel, gate, name, naming, password,
};
use super::super::codec::{Command, Completion};
use super::super::error::IpmiError;
use super::Session;
use crate::base::bmc::{BmcUser, UserRole};
use crate::base::name::UserName;
use crate::base::secret::Secret;

/// The first place that may be somebody's: the one before is of the user without a name (section 22.28).
const FIRST: u8 = 2;

/// The places for users, and who has them.
struct Places {
    channel: u8,
    most: u8,
    /// The names of those that have one.
    taken: Vec<(u8, String)>,
}

impl Places {
    fn of(&self, wanted: &UserName) -> Option<u8> {
        let mut taken = self.taken.iter();
        let found = taken.find(|(_, name)| name == wanted.as_str());
        found.map(|(place, _)| *place)
    }

    fn free(&self) -> Option<u8> {
        let is_free = |place: &u8| self.taken.iter().all(|(taken, _)| taken != place);
        (FIRST..=self.most).find(is_free)
    }
}

impl Session {
    /// All users that have a name.
    pub async fn users(&mut self) -> Result<Vec<(String, BmcUser)>, IpmiError> {
        let places = self.places().await?;
        let mut users = Vec::new();
        for (place, name) in places.taken {
            let access = self.access(places.channel, place).await?;
            users.push((name, access.user()));
        }
        Ok(users)
    }

    /// Has a user be so, and makes one that is not there, which needs a password.
    pub async fn set_user(
        &mut self,
        name: &UserName,
        wanted: &BmcUser,
        secret: Option<&Secret>,
    ) -> Result<(), IpmiError> {
        let places = self.places().await?;
        if let Some(place) = places.of(name) {
            let found = self.access(places.channel, place).await?;
            // What is so already is nothing to write.
            if secret.is_none() && found.user() == *wanted {
                return Ok(());
            }
            let rights = rights(places.channel, place, wanted, Some(found))?;
            return self.grant(place, wanted, rights, secret).await;
        }
        if secret.is_none() {
            return Err(IpmiError::Unsupported("a new user without a password"));
        }
        let full = IpmiError::Unsupported("another user: all places are taken");
        let place = places.free().ok_or(full)?;
        let length = name.as_str().len();
        let named = naming(place, Some(name));
        let named = named.ok_or(IpmiError::TooLong(length, "a user's name"))?;
        let rights = rights(places.channel, place, wanted, None)?;
        // Nobody is let in before all of it is there. What is nobody's may be disabled already, and some say so.
        self.gate(place, Gate::Disable).await.ok();
        self.request(Command::SET_USER_NAME, &named).await?;
        let made = self.grant(place, wanted, rights, secret).await;
        if made.is_err() {
            // The first failure tells more than that of clearing up.
            self.clear(places.channel, place).await.ok();
        }
        made
    }

    /// Takes a user away: its place is nobody's then. One that is not there is as it should be.
    pub async fn remove_user(&mut self, name: &UserName) -> Result<(), IpmiError> {
        let places = self.places().await?;
        match places.of(name) {
            Some(place) => self.clear(places.channel, place).await,
            None => Ok(()),
        }
    }

    async fn grant(
        &mut self,
        place: u8,
        wanted: &BmcUser,
        rights: [u8; 3],
        secret: Option<&Secret>,
    ) -> Result<(), IpmiError> {
        if let Some(secret) = secret {
            let length = secret.bytes().len();
            let data = password(place, secret);
            let data = data.ok_or(IpmiError::TooLong(length, "a password"))?;
            self.request(Command::SET_USER_PASSWORD, &data).await?;
        }
        // Whoever is to be kept out is so first, and whoever is to be let in has the rights before.
        match Gate::of(wanted) {
            gate @ Gate::Disable => {
                self.gate(place, gate).await?;
                self.request(Command::SET_USER_ACCESS, &rights).await?;
            }
            gate @ Gate::Enable => {
                self.request(Command::SET_USER_ACCESS, &rights).await?;
                self.gate(place, gate).await?;
            }
        }
        Ok(())
    }

    /// Rights first: whatever else fails, nobody is let in any more.
    async fn clear(&mut self, channel: u8, place: u8) -> Result<(), IpmiError> {
        let nobody = BmcUser {
            role: UserRole::Nothing,
            enabled: false,
            shut: None,
        };
        let rights = rights(channel, place, &nobody, None)?;
        self.request(Command::SET_USER_ACCESS, &rights).await?;
        self.gate(place, Gate::Disable).await?;
        let unnamed = naming(place, None).unwrap_or([0; 1 + NAME]);
        self.request(Command::SET_USER_NAME, &unnamed).await?;
        Ok(())
    }

    async fn gate(&mut self, place: u8, wanted: Gate) -> Result<(), IpmiError> {
        let command = Command::SET_USER_PASSWORD;
        let long = gate(place, wanted);
        let [first, second, ..] = long;
        let answered = self.answer(command, 0, &[first, second]).await?;
        // Some want the bytes of a password that means nothing here.
        if answered.completion.is_of_length() {
            return self.request(command, &long).await.map(drop);
        }
        answered.done(command).map(drop)
    }

    async fn places(&mut self) -> Result<Places, IpmiError> {
        let channel = self.own_channel().await?;
        let most = self.access(channel, 1).await?.places;
        let mut taken = Vec::new();
        for place in 1..=most {
            let command = Command::GET_USER_NAME;
            let answered = self.answer(command, 0, &[place]).await?;
            let name = match answered.completion {
                // What is nobody's has no name to some.
                Completion(0xcb | 0xcc) => continue,
                Completion(_) => name(&answered.done(command)?),
            };
            if !name.is_empty() {
                taken.push((place, name));
            }
        }
        Ok(Places {
            channel,
            most,
            taken,
        })
    }

    async fn access(&mut self, channel: u8, place: u8) -> Result<Access, IpmiError> {
        let command = Command::GET_USER_ACCESS;
        let data = self.request(command, &[channel, place]).await?;
        Access::read(&data).ok_or(IpmiError::Malformed("a user's rights"))
    }

    /// The number of the channel that we speak on. Those that do not tell take the word for it.
    pub(super) async fn own_channel(&mut self) -> Result<u8, IpmiError> {
        let command = Command::CHANNEL_INFO;
        match self.request(command, &[THIS_CHANNEL]).await {
            Ok(data) => channel(&data).ok_or(IpmiError::Malformed("a channel")),
            Err(IpmiError::Refused { .. }) => Ok(THIS_CHANNEL),
            Err(error) => Err(error),
        }
    }
}

fn rights(
    channel: u8,
    place: u8,
    wanted: &BmcUser,
    found: Option<Access>,
) -> Result<[u8; 3], IpmiError> {
    let rights = access(channel, place, wanted, found);
    rights.ok_or(IpmiError::Unsupported("a user of such a role"))
}
